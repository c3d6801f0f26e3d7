/**
 * What the mail loses while people look: messages a second, and processor time for each, with nobody
 * looking and with ten who do.
 *
 *   node bench/watched.ts [--by consoles|events] [--rounds 6] [--messages 8000] [--watchers 10]
 *
 * `consoles` are what the page does in its view "now": its stream of events, and its questions at
 * its pace. `events` are readers of all events. No browser runs: its own work would be measured
 * with it.
 *
 * Rcptwise has one processor of its own, and works as fast as that can; whoever sends, receives and
 * looks shares another. So the rate is Rcptwise's alone. Two of it take turns, with people before the
 * one, then the other, the other, and the one, so that what differs between two processes, and what
 * changes with time, meets both.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commandLine } from '../test/support/command-line.ts'
import { freePort, greets } from '../test/support/lab/ports.ts'
import { until } from '../test/support/lab/until.ts'
import { cpuSeconds } from './cpu-time.ts'
import { startMailTools } from './mail-tools.ts'
import { endProcess, startProcess } from './process.ts'
import { builtProgram } from './program.ts'

const { by, rounds, messages, watchers } = commandLine({
  by: 'consoles',
  rounds: 6,
  messages: 8000,
  watchers: 10,
})
const processors = { rcptwise: '0', others: '1' } as const
/** 20 sessions that stay, 4 KiB a message. */
const load = ['-d', '-s', '20', '-l', '4096']
/** Once for each process, so that what is hot is compiled. */
const warmUp = 60_000
/** As the page does (src/console/sources.ts). */
const askedEveryMs = 2000
/** Those who look have begun by then: people look for longer than a round takes. */
const begunMs = 1500
/** Events are told for a minute after the last reader. */
const lingerMs = 61_000

/** All that this process starts stays there too. */
const pinned = spawnSync('taskset', ['-cp', processors.others, String(process.pid)])
if (pinned.status !== 0) throw new Error('taskset(1) of util-linux is needed, and two processors')

await using tools = await startMailTools()
const program = builtProgram()
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
workers: 1
data_directory: ${join(directory, name)}
limits: { transactions_per_session: 1000000 }
`,
  )
  const args = [program, 'serve', '--config', file]
  const serve = await startProcess(args, 'ignore')
  spawnSync('taskset', ['-acp', processors.rcptwise, String(serve.pid)])
  const url = `http://127.0.0.1:${adminPort}`
  await until('Rcptwise listens', async () => await greets(port))
  await until(
    'its admin API answers',
    async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true,
  )
  // Threads that it has started since.
  spawnSync('taskset', ['-acp', processors.rcptwise, String(serve.pid)])
  return { name, serve, port, url }
}

type Serve = Awaited<ReturnType<typeof startServe>>

async function readEvents(url: string, end: AbortSignal): Promise<number> {
  let octets = 0
  const { body } = await fetch(url, { signal: end })
  for await (const piece of body ?? []) octets += (piece as Uint8Array).length
  return octets
}

async function ask(url: string, end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    await (await fetch(url, { signal: end })).text()
    await sleep(askedEveryMs)
  }
}

async function look({ url }: Serve, end: AbortSignal): Promise<void> {
  const watching =
    by === 'events'
      ? [readEvents(`${url}/api/v1/events`, end)]
      : [
          readEvents(`${url}/api/v1/events?kinds=hello,totals,strategyChanged`, end),
          ask(`${url}/api/v1/recent?minutes=61`, end),
        ]
  await Promise.all(watching).catch((error: unknown) => {
    if (!end.aborted) throw error
  })
}

interface Round {
  /** Messages a second. */
  readonly rate: number
  /** Of processor time, us a message. */
  readonly cost: number
}

async function measure(served: Serve, count: number): Promise<Round> {
  const before = cpuSeconds(served.serve.pid) ?? 0
  const seconds = await tools.send(served.port, count, load)
  const used = (cpuSeconds(served.serve.pid) ?? 0) - before
  return { rate: count / seconds, cost: (used * 1e6) / count }
}

async function measureWatched(served: Serve): Promise<Round> {
  const end = new AbortController()
  const all = Array.from({ length: watchers }, async () => await look(served, end.signal))
  try {
    await sleep(begunMs)
    return await measure(served, messages)
  } finally {
    end.abort()
    await Promise.all(all)
  }
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0

/** Of the medians, for one of them looked at and the other not. */
async function measurePair(watched: Serve, alone: Serve): Promise<Round> {
  const seen: { readonly watched: Round; readonly alone: Round }[] = []
  for (let round = 0; round < rounds; round++)
    if (round % 2 === 0)
      seen.push({ watched: await measureWatched(watched), alone: await measure(alone, messages) })
    else {
      const unwatched = await measure(alone, messages)
      seen.push({ watched: await measureWatched(watched), alone: unwatched })
    }
  const ratio = (of: (round: Round) => number): number => {
    const [some, none] = [
      median(seen.map((one) => of(one.watched))),
      median(seen.map((one) => of(one.alone))),
    ]
    process.stdout.write(`${watched.name} ${some.toFixed(0)}, ${alone.name} ${none.toFixed(0)}  `)
    return some / none
  }
  process.stdout.write(`${watchers} ${by} at ${watched.name}, messages a second: `)
  const rate = ratio((one) => one.rate)
  process.stdout.write('us a message: ')
  const cost = ratio((one) => one.cost)
  process.stdout.write('\n')
  return { rate, cost }
}

try {
  const [a, b] = [await startServe('A'), await startServe('B')]
  for (const serve of [a, b]) await measure(serve, warmUp)
  const seen: Round[] = []
  for (const [watched, alone] of [
    [a, b],
    [b, a],
    [b, a],
    [a, b],
  ] as const) {
    if (seen.length > 0 && by === 'events') await sleep(lingerMs)
    seen.push(await measurePair(watched, alone))
  }
  const both = (of: (round: Round) => number): string => {
    const product = seen.reduce((all, one) => all * of(one), 1)
    return `${((product ** (1 / seen.length) - 1) * 100).toFixed(1)} %`
  }
  process.stdout.write(
    `with ${watchers} ${by}: ${both(({ rate }) => rate)} of the rate, ${both(({ cost }) => cost)} of processor time\n`,
  )
  for (const { serve } of [a, b]) await endProcess(serve)
} finally {
  await rm(directory, { recursive: true, force: true })
}
