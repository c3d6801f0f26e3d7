/**
 * What a recall and a save of the SQLite ledger cost the event loop, and how long its log gets.
 *
 *     node bench/ledger.ts [DIRECTORY]     on the disk of DIRECTORY, or of the temporary directory
 *
 * Times are of the call itself: a call that gives a promise is counted as asynchronous, and its pieces show in the longest
 * delay of the event loop.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { openSqliteLedger } from '../src/ledger/sqlite.ts'
import type { Split, SplitRecipient } from '../src/ledger/split.ts'

const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'rcptwise-bench-'))
const path = join(directory, 'ledger.db')
const ledger = await openSqliteLedger({
  path,
  maxSplits: 200_000,
  onFact: (fact) => {
    console.error(JSON.stringify(fact))
  },
})
const senderOfMany = 'newsletter@example.net'

const recipients = (count: number, from: number): SplitRecipient[] =>
  Array.from({ length: count }, (_, n) => ({
    address: `recipient${from + n}@example.org`,
    state: 'waiting',
    deferrals: 1,
    deferredAt: Date.now(),
  }))

const split = (id: string, reversePath: string, of: SplitRecipient[]): Split => ({
  id,
  version: 1,
  reversePath,
  peer: 'default',
  strategy: 'group',
  startedAt: Date.now(),
  lastAttemptAt: Date.now(),
  fingerprint: 'f'.repeat(64),
  messageId: `<${id}@mail.example.net>`,
  forcedRetries: 1,
  idleAttempts: 0,
  status: 'open',
  forgiven: false,
  refusedOnly: false,
  recipients: of,
})

/** Times `call` so often, with a pause or a turn of the event loop after every 10. */
async function measure(what: string, times: number, call: (n: number) => unknown, pauseMs = 0): Promise<void> {
  const spent: number[] = []
  let [asynchronous, longestLog] = [0, 0]
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  for (let n = 0; n < times; n += 1) {
    const begun = performance.now()
    const result = call(n)
    spent.push(performance.now() - begun)
    if (result instanceof Promise) {
      asynchronous += 1
      await result
    }
    if (n % 10 === 9) await (pauseMs > 0 ? sleep(pauseMs) : nextTurn())
    if (n % 500 === 0) longestLog = Math.max(longestLog, statSync(`${path}-wal`).size)
  }
  delay.disable()
  spent.sort((a, b) => a - b)
  const at = (part: number): string => (spent[Math.floor((spent.length - 1) * part)] ?? 0).toFixed(3)
  const over = spent.filter((ms) => ms > 1).length
  console.log(
    [
      what.padEnd(46),
      ...[0.5, 0.99, 0.999, 1].map((part) => at(part).padStart(8)),
      String(over).padStart(6),
      String(asynchronous).padStart(6),
      (delay.max / 1e6).toFixed(1).padStart(8),
      (longestLog / 2 ** 20).toFixed(1).padStart(8),
    ].join(''),
  )
}

console.log(`${'ms'.padEnd(46)}  median     p99   p99.9     max  >1 ms async    loop log MiB`)
const small = Array.from({ length: 20_000 }, (_, n) =>
  split(`s${n}`, `sender${n % 5000}@example.net`, recipients(3, n)),
)
await measure('save, new, 3 recipients', 20_000, (n): unknown => ledger.save(small[n] ?? split('x', '', [])))
await measure('save, next version', 20_000, (n): unknown =>
  ledger.save({ ...(small[n] ?? split('x', '', [])), version: 2 }),
)
await measure('recall, found', 20_000, (n): unknown =>
  ledger.recall(`sender${n % 5000}@example.net`, `recipient${n}@example.org`),
)
await measure('recall, nothing found', 20_000, (n): unknown =>
  ledger.recall(`sender${n}@example.com`, 'recipient@example.org'),
)
await measure('save, new, 100,000 of one sender', 100_000, (n): unknown =>
  ledger.save(split(`m${n}`, senderOfMany, recipients(2, n * 2))),
)
await measure('recall among these', 20_000, (n): unknown =>
  ledger.recall(senderOfMany, `recipient${n * 7}@example.org`),
)
await measure('save, closing', 20_000, (n): unknown =>
  ledger.save({ ...(small[n] ?? split('x', '', [])), version: 3, status: 'completed', closedAt: Date.now() }),
)
await measure(
  'save, new, 3 recipients, at most 500 a second',
  5000,
  (n): unknown => ledger.save(split(`p${n}`, `sender${n}@example.net`, recipients(3, n))),
  20,
)
const large = Array.from({ length: 200 }, (_, n) => split(`l${n}`, 'list@example.net', recipients(1000, n * 1000)))
await measure('save, new, 1000 recipients', 200, (n): unknown => ledger.save(large[n] ?? split('x', '', [])))
await measure('save, next version, 1000 recipients', 200, (n): unknown =>
  ledger.save({ ...(large[n] ?? split('x', '', [])), version: 2 }),
)
await measure('recall, 1000 recipients', 200, (n): unknown =>
  ledger.recall('list@example.net', `recipient${n * 1000}@example.org`),
)
await measure('forget, 500 at a time', 40, async () => await ledger.forget(Date.now() + 1, 500))
await measure('countOpen', 200, async () => await ledger.countOpen())

const begun = performance.now()
await ledger.close()
console.log(`close: ${(performance.now() - begun).toFixed(0)} ms`)
rmSync(directory, { recursive: true })
