/**
 * What live events cost the mail: processor time a message of `serve` with two workers, with no
 * reader and with ten. Two front-ends take turns, so that both see the same machine.
 *
 *     node bench/events.ts [MESSAGES] [ROUNDS]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { readEvents } from '../test/support/event-stream.ts'
import { freePort, greets } from '../test/support/lab/ports.ts'
import { until } from '../test/support/lab/until.ts'
import { cpuSeconds } from './cpu-time.ts'
import { startMailTools } from './mail-tools.ts'
import { endProcess, startProcess } from './process.ts'

const messages = Number(process.argv[2] ?? 5000)
const rounds = Number(process.argv[3] ?? 4)
const readers = 10
/** 20 sessions that stay, 4 KiB a message. */
const load = ['-d', '-s', '20', '-l', '4096']

await using tools = await startMailTools()
const directory = await mkdtemp(join(tmpdir(), 'rcptwise-bench-'))

async function startServe(name: string) {
  const [port, adminPort] = [await freePort(), await freePort()]
  const file = join(directory, `${name}.yaml`)
  await writeFile(
    file,
    `hostname: mx.example.org
listen: 127.0.0.1:${port}
backend: { servers: ['smtp://127.0.0.1:${tools.sinkPort}'] }
relay_domains: [example.org]
judges: [{ headers: { from: [127.0.0.0/8] } }]
admin: 127.0.0.1:${adminPort}
workers: 2
data_directory: ${join(directory, name)}
limits: { transactions_per_session: 1000000 }
`,
  )
  const serve = await startProcess(['src/cli/main.ts', 'serve', '--config', file], 'ignore')
  await until('Rcptwise listens', async () => await greets(port))
  const health = `http://127.0.0.1:${adminPort}/readyz`
  await until(
    'its admin API answers',
    async () => (await fetch(health).catch(() => undefined))?.ok === true,
  )
  return { name, serve, port, events: `http://127.0.0.1:${adminPort}/api/v1/events` }
}

type Serve = Awaited<ReturnType<typeof startServe>>

/** Ms of processor time, and ms, a message. */
async function measure({ serve, port }: Serve): Promise<readonly [number, number]> {
  const before = cpuSeconds(serve.pid) ?? 0
  const seconds = await tools.send(port, messages, load)
  const used = (cpuSeconds(serve.pid) ?? 0) - before
  return [(used * 1000) / messages, (seconds * 1000) / messages]
}

const mean = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0) / all.length

const [alone, watched] = [await startServe('alone'), await startServe('watched')]
const open = await Promise.all(
  Array.from({ length: readers }, async () => await readEvents(watched.events)),
)
const measured = new Map<Serve, (readonly [number, number])[]>([
  [alone, []],
  [watched, []],
])
for (const serve of [alone, watched]) await measure(serve)
for (let round = 0; round < rounds; round++)
  for (const serve of round % 2 === 0 ? [alone, watched] : [watched, alone])
    measured.get(serve)?.push(await measure(serve))
await pause(1000)
for (const [{ name }, all] of measured) {
  const [cpu, time] = [mean(all.map(([one]) => one)), mean(all.map(([, one]) => one))]
  process.stdout.write(
    `${name}: ${cpu.toFixed(3)} ms of processor time a message, ${(1000 / time).toFixed(0)} messages a second\n`,
  )
}
const heard = open.map((reader) => reader.of('transactionEnded').length)
process.stdout.write(
  `each of ${readers} readers heard ${mean(heard).toFixed(0)} of ${messages * (rounds + 1)} messages\n`,
)
for (const reader of open) reader[Symbol.dispose]()
for (const { serve } of [alone, watched]) await endProcess(serve)
await rm(directory, { recursive: true, force: true })
