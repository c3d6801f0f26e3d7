/**
 * What front-ends cost a Redis server that they share, beside what messages ask: each process looks
 * at it ten times a second, and a sender's first split wakes all of them (decision 118).
 *
 *     node bench/front-ends-on-redis.ts [PROCESSES…]      e.g. 1 10 50 100; half a minute each
 *
 * All ledgers are in this process, each with its own connections; only the server's own CPU time
 * counts. It needs Debian and root, as the tests against a real Redis do.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger } from '../src/ledger/ledger.ts'
import { openRedisLedger } from '../src/ledger/redis/redis.ts'
import type { Split } from '../src/split/split.ts'
import { type RedisServer, startRedis } from '../test/interop/redis/redis-server.ts'

/** First splits of a sender a second, of all processes together. */
const openingsPerSecond = [0, 10, 100, 400] as const
const measuredMs = 5000
const settledMs = 1500

const split = (number: number): Split => ({
  id: `opening${number}`,
  version: 1,
  openedBy: 'x.1',
  reversePath: `sender${number}@example.net`,
  peer: 'default',
  strategy: 'late',
  startedAt: Date.now(),
  lastAttemptAt: Date.now(),
  forcedRetries: 1,
  idleAttempts: 0,
  status: 'open',
  forgiven: false,
  refusedOnly: false,
  recipients: [{ address: 'r@example.org', state: 'waiting', deferrals: 1, deferredAt: 1 }],
})

interface Used {
  /** Seconds. */
  readonly cpu: number
  readonly commands: number
}

async function usedBy(redis: RedisServer): Promise<Used> {
  const info = String(await redis.ask('INFO', 'everything'))
  const of = (name: string): number => Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1])
  return {
    cpu: of('used_cpu_sys') + of('used_cpu_user'),
    commands: of('total_commands_processed'),
  }
}

let openings = 0

/** ms that each save took. */
async function open(ledgers: readonly Ledger[], perSecond: number): Promise<number[]> {
  const took: number[] = []
  const begun = performance.now()
  const underWay: Promise<unknown>[] = []
  for (let done = 0; performance.now() - begun < measuredMs;) {
    const due = ((performance.now() - begun) / 1000) * perSecond
    for (; done < due; done++) {
      const ledger = ledgers[openings % ledgers.length]
      const sent = performance.now()
      const saved = Promise.resolve(ledger?.save(split(++openings)))
      underWay.push(saved.then(() => took.push(performance.now() - sent)))
    }
    await sleep(2)
  }
  await Promise.all(underWay)
  return took.toSorted((a, b) => a - b)
}

async function measure(processes: number): Promise<void> {
  await using redis = await startRedis()
  const place = { kind: 'server', url: `${redis.url}/0` } as const
  const options = { place, prefix: 'bench:', patienceMs: 60_000, keepMs: 60_000 }
  const ledgers: Ledger[] = []
  for (let i = 0; i < processes; i++)
    ledgers.push(
      await openRedisLedger({ ...options, maxSplits: 1_000_000, onFact: () => undefined }),
    )
  await sleep(settledMs)
  for (const perSecond of openingsPerSecond) {
    const before = await usedBy(redis)
    const begun = performance.now()
    const took = await open(ledgers, perSecond)
    const seconds = (performance.now() - begun) / 1000
    const after = await usedBy(redis)
    const half = took[Math.floor(took.length / 2)]
    console.log(
      [
        String(processes).padStart(9),
        String(perSecond).padStart(12),
        String(Math.round((after.commands - before.commands) / seconds)).padStart(12),
        `${((100 * (after.cpu - before.cpu)) / seconds).toFixed(1)} %`.padStart(13),
        (half === undefined ? '-' : half.toFixed(1)).padStart(14),
        String(took.length).padStart(10),
      ].join(''),
    )
  }
  await Promise.all(ledgers.map(async (ledger) => await ledger.close()))
}

const counts = process.argv.slice(2).map(Number)
console.log('processes  openings/s  commands/s  Redis, core  save, half ms    saved')
for (const processes of counts.length === 0 ? [1, 10, 50, 100] : counts) await measure(processes)
