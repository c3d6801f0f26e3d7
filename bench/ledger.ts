/**
 * What a recall and a save of the ledger cost.
 *
 *     node bench/ledger.ts [DIRECTORY]                SQLite, on the disk of DIRECTORY or of the temporary directory
 *     node bench/ledger.ts redis://127.0.0.1:PORT     Redis, on a server that is there for this: its keys `bench:` are left behind
 *
 * For SQLite, times are of the call itself: a call that gives a promise is counted as asynchronous,
 * and its pieces show in the longest delay of the event loop. For Redis they are round trips, one
 * after the other, and then how many fit into a second.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Fact } from '../src/facts/fact.ts'
import { openRedisLedger } from '../src/ledger/redis/redis.ts'
import { openSqliteLedger } from '../src/ledger/sqlite/sqlite.ts'
import type { Split, SplitRecipient } from '../src/split/split.ts'

const url = process.argv[2]?.startsWith('redis') === true ? process.argv[2] : undefined
const directory = mkdtempSync(
  join((url === undefined ? process.argv[2] : undefined) ?? tmpdir(), 'rcptwise-bench-'),
)
const path = join(directory, 'ledger.db')
const onFact = (fact: Fact): void => console.error(JSON.stringify(fact))
const ledger =
  url === undefined
    ? await openSqliteLedger({ path, maxSplits: 200_000, onFact })
    : await openRedisLedger({
        place: { kind: 'server', url },
        prefix: `bench:${process.pid}:`,
        patienceMs: 60_000,
        keepMs: 60_000,
        maxSplits: 200_000,
        onFact,
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
  openedBy: 'x.1',
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
async function measure(
  what: string,
  times: number,
  call: (n: number) => unknown,
  pauseMs = 0,
): Promise<void> {
  const spent: number[] = []
  let [asynchronous, longestLog] = [0, 0]
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  for (let n = 0; n < times; n += 1) {
    const begun = performance.now()
    const result = call(n)
    if (url === undefined) spent.push(performance.now() - begun)
    if (result instanceof Promise) {
      asynchronous += 1
      await result
    }
    if (url !== undefined) spent.push(performance.now() - begun)
    if (n % 10 === 9) await (pauseMs > 0 ? sleep(pauseMs) : nextTurn())
    if (n % 500 === 0)
      longestLog = Math.max(
        longestLog,
        statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
      )
  }
  delay.disable()
  spent.sort((a, b) => a - b)
  const at = (part: number): string =>
    (spent[Math.floor((spent.length - 1) * part)] ?? 0).toFixed(3)
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
await measure('save, new, 3 recipients', 20_000, (n): unknown =>
  ledger.save(small[n] ?? split('x', '', [])),
)
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
  ledger.save({
    ...(small[n] ?? split('x', '', [])),
    version: 3,
    status: 'completed',
    closedAt: Date.now(),
  }),
)
await measure(
  'save, new, 3 recipients, at most 500 a second',
  5000,
  (n): unknown => ledger.save(split(`p${n}`, `sender${n}@example.net`, recipients(3, n))),
  20,
)
const large = Array.from({ length: 200 }, (_, n) =>
  split(`l${n}`, 'list@example.net', recipients(1000, n * 1000)),
)
await measure('save, new, 1000 recipients', 200, (n): unknown =>
  ledger.save(large[n] ?? split('x', '', [])),
)
await measure('save, next version, 1000 recipients', 200, (n): unknown =>
  ledger.save({ ...(large[n] ?? split('x', '', [])), version: 2 }),
)
await measure('recall, 1000 recipients', 200, (n): unknown =>
  ledger.recall('list@example.net', `recipient${n * 1000}@example.org`),
)
await measure('forget, 500 at a time', 40, async () => await ledger.forget(Date.now() + 1, 500))
await measure('countOpen', 200, async () => await ledger.countOpen())

/** Many calls under way at a time, as many clients make them. */
async function throughput(
  what: string,
  times: number,
  call: (n: number) => unknown,
): Promise<void> {
  const begun = performance.now()
  for (let n = 0; n < times; n += 200) {
    await Promise.all(Array.from({ length: 200 }, async (_, at) => await call(n + at)))
  }
  console.log(
    `${what.padEnd(46)}${((times / (performance.now() - begun)) * 1000).toFixed(0).padStart(8)} a second`,
  )
}

if (url !== undefined) {
  await throughput('save, new, 3 recipients, 200 at a time', 20_000, (n): unknown =>
    ledger.save(split(`t${n}`, `sender${n}@example.net`, recipients(3, n))),
  )
  await throughput('recall, 200 at a time', 20_000, (n): unknown =>
    ledger.recall(`sender${n}@example.net`, `recipient${n}@example.org`),
  )
}

const begun = performance.now()
await ledger.close()
console.log(`close: ${(performance.now() - begun).toFixed(0)} ms`)
rmSync(directory, { recursive: true })
