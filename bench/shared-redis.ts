/**
 * What one Redis carries: messages of senders of whom nothing is open, and late splits, with 1, 2
 * and 4 front-ends.
 *
 *     node bench/shared-redis.ts [SECONDS]     of each load; 8 unless said
 *
 * Front-ends and Redis are processes of their own; this process is all the senders. On a small
 * machine the front-ends end before Redis does. So what counts is the processor time of
 * redis-server, less that of the same time without mail, for each message and each split: a core
 * has a million microseconds a second.
 *
 * A late split is a message to two recipients, one of whom would refuse it: 451 after the text, and
 * retries at the other front-ends in turn, at once, until both have their answer.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { startRedis, type RedisServer } from '../test/interop/redis/redis-server.ts'
import { sendWithRetries } from '../test/interop/redis/retrying-client.ts'
import { freePort, greets } from '../test/support/lab/ports.ts'
import { until } from '../test/support/lab/until.ts'
import { endProcess, startProcess } from './process.ts'

const loadMs = Number(process.argv[2] ?? 8) * 1000
const clientsPerFrontEnd = 16
const program = join(import.meta.dirname, '../src/cli/main.ts')
const [tag, strict] = ['tag@example.org', 'strict@example.org'] as const
let sent = 0

interface Load {
  readonly name: string
  readonly recipients: readonly string[]
  readonly score: string
}

const loads: readonly Load[] = [
  { name: 'message, nothing open of its sender', recipients: [tag], score: '0' },
  { name: 'late split', recipients: [tag, strict], score: '9.5' },
]

async function startFrontEnd(directory: string, redis: RedisServer) {
  const port = await freePort()
  writeFileSync(
    join(directory, `${port}.yaml`),
    [
      'hostname: mx.test',
      `listen: [{ address: "127.0.0.1:${port}" }]`,
      'admin: off',
      'history: off',
      'workers: 1',
      `data_directory: ${join(directory, String(port))}`,
      `ledger: "${redis.url}"`,
      'judges: [{ headers: { from: [127.0.0.0/8] } }]',
      'recipients: { default: careful, sources: [{ file: recipients.yaml }] }',
      'limits: { sessions: 1000, sessions_per_address: 1000 }',
      'peers: [{ name: default, strategy: late }]',
      '',
    ].join('\n'),
  )
  const started = await startProcess(
    [program, 'serve', '--config', join(directory, `${port}.yaml`)],
    'ignore',
  )
  await until('the front-end greets', async () => await greets(port), { explain: started.said })
  return { port, ...started }
}

async function cpuOf(redis: RedisServer): Promise<number> {
  const text = String(await redis.ask('INFO', 'cpu'))
  const value = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(text)?.[1])
  return value('used_cpu_sys') + value('used_cpu_user')
}

/** Scripts that the front-ends had run: what they ask, and what they save. */
async function scriptsOf(redis: RedisServer): Promise<number> {
  const text = String(await redis.ask('INFO', 'commandstats'))
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(text)?.[1] ?? 0)
}

/** Clients send one message after the other, until the time is over; how many. */
async function run(load: Load, ports: readonly number[]): Promise<number> {
  const end = performance.now() + loadMs
  let done = 0
  const client = async (first: number): Promise<void> => {
    while (performance.now() < end) {
      const n = sent++
      const outcome = await sendWithRetries({
        hosts: ports.map((_, at) => ports[(at + first) % ports.length] ?? 0),
        from: `sender${n}@client${n % 5000}.test`,
        recipients: load.recipients,
        message: `Subject: ${n}\r\nMessage-ID: <${n}@client.test>\r\nX-Spam-Score: ${load.score}\r\n\r\nhello`,
      })
      if (!outcome.delivered.includes(tag))
        throw new Error(`${tag} did not get message ${n}: ${inspect(outcome, { depth: 4 })}`)
      done += 1
    }
  }
  const clients = ports.length * clientsPerFrontEnd
  await Promise.all(Array.from({ length: clients }, async (_, at) => await client(at)))
  return done
}

async function measure(frontEnds: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rcptwise-bench-'))
  writeFileSync(join(directory, 'recipients.yaml'), `"${tag}": tag-only\n"${strict}": strict\n`)
  await using redis = await startRedis()
  const started = []
  try {
    for (let n = 0; n < frontEnds; n += 1) started.push(await startFrontEnd(directory, redis))
    await sleep(2000)
    const [idleBegun, scriptsBegun] = [await cpuOf(redis), await scriptsOf(redis)]
    await sleep(3000)
    const idle = ((await cpuOf(redis)) - idleBegun) / 3
    const idleScripts = ((await scriptsOf(redis)) - scriptsBegun) / 3
    console.log(
      `${String(frontEnds).padStart(2)}  ${'no mail'.padEnd(38)}${' '.repeat(36)}${(idle * 100).toFixed(2).padStart(7)} %`,
    )
    for (const load of loads) {
      const [cpu, scripts, begun] = [await cpuOf(redis), await scriptsOf(redis), performance.now()]
      const done = await run(
        load,
        started.map(({ port }) => port),
      )
      const seconds = (performance.now() - begun) / 1000
      const used = (await cpuOf(redis)) - cpu
      const each = Math.max(0, used - idle * seconds) / done
      const asked = (await scriptsOf(redis)) - scripts - idleScripts * seconds
      console.log(
        [
          `${String(frontEnds).padStart(2)}  ${load.name.padEnd(38)}`,
          (done / seconds).toFixed(0).padStart(8),
          (asked / done).toFixed(1).padStart(10),
          `${(each * 1e6).toFixed(0).padStart(9)} us`,
          `${((used / seconds) * 100).toFixed(1).padStart(12)} %`,
        ].join(' '),
      )
    }
  } finally {
    for (const one of started) await endProcess(one)
    rmSync(directory, { recursive: true, force: true })
  }
}

console.log(`front-ends, load${' '.repeat(26)} a second   scripts  Redis, each  Redis, a core`)
for (const frontEnds of [1, 2, 4]) await measure(frontEnds)
