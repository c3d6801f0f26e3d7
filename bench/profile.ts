/**
 * Where the time of Rcptwise goes under a load: `node bench/profile.ts [LOAD] [MESSAGES]
 * [JUDGE]`, such as `kept 20000 rspamd`.
 *
 * As many messages warm it up first. Prints what its main thread spends by function, in
 * microseconds a message, alone and with what is called from there. Time is that of the clock: a
 * write that lets another process run on the same core shows longer than it is. The profile is kept
 * for the browser's developer tools.
 */
import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loads } from './loads.ts'
import { startMailTools } from './mail-tools.ts'
import { judgedRcptwise } from './subjects/judged.ts'
import { rcptwise } from './subjects/rcptwise.ts'

/**
 * What is read of a .cpuprofile file (Profiler.Profile of the inspector's protocol). Times in
 * microseconds.
 */
interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly startTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: {
    readonly functionName: string
    readonly url: string
    readonly lineNumber: number
  }
  readonly children?: readonly number[]
}

const repository = path.join(import.meta.dirname, '..')
const idle = new Set(['(idle)', '(root)'])
const shown = 40

/** The clock of the profiles: CLOCK_MONOTONIC in microseconds. */
const now = (): number => Number(process.hrtime.bigint() / 1000n)

function placeOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  if (url === '') return name
  const file = url.startsWith('file:') ? path.relative(repository, new URL(url).pathname) : url
  return `${name}  ${file}:${lineNumber + 1}`
}

/** Time by node from `since` on. */
function timeOfNodes(
  { startTime, samples, timeDeltas }: Profile,
  since: number,
): ReadonlyMap<number, number> {
  const times = new Map<number, number>()
  let at = startTime
  samples.forEach((id, i) => {
    const delta = timeDeltas[i] ?? 0
    at += delta
    if (at >= since) times.set(id, (times.get(id) ?? 0) + delta)
  })
  return times
}

/** Time by place: alone, and with what is called from there. */
function timeOfPlaces(
  profile: Profile,
  since: number,
): Record<'alone' | 'withCalled', ReadonlyMap<string, number>> {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  )
  const alone = new Map<string, number>()
  const withCalled = new Map<string, number>()
  const add = (to: Map<string, number>, place: string, time: number): void => {
    to.set(place, (to.get(place) ?? 0) + time)
  }
  for (const [id, time] of timeOfNodes(profile, since)) {
    const stack = new Set<string>()
    for (let up: number | undefined = id; up !== undefined; up = parents.get(up)) {
      const node = nodes.get(up)
      if (node !== undefined) stack.add(placeOf(node))
    }
    const [top = '?'] = stack
    add(alone, top, time)
    for (const place of stack) add(withCalled, place, time)
  }
  return { alone, withCalled }
}

function print(title: string, times: ReadonlyMap<string, number>, messages: number): void {
  const busy = [...times].filter(([place]) => !idle.has(place)).sort((a, b) => b[1] - a[1])
  console.log(`\n${title}`)
  for (const [place, time] of busy.slice(0, shown))
    console.log(`${(time / messages).toFixed(1).padStart(8)}  ${place}`)
}

const [name = 'kept', count = '20000', judge] = process.argv.slice(2)
const messages = Number(count)
const load = loads.find((candidate) => candidate.name === name)
if (load === undefined)
  throw new Error(`"${name}" is none of ${loads.map((known) => known.name).join(', ')}`)
const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-profile-'))
let [since, until] = [0, 0]
{
  await using tools = await startMailTools()
  const options = ['--cpu-prof', `--cpu-prof-dir=${directory}`, '--cpu-prof-interval=250']
  const program = [...options, path.join(repository, 'src/cli/main.ts')]
  const config = 'workers: 1'
  const subject =
    judge === undefined
      ? rcptwise('rcptwise', program, { config })
      : judgedRcptwise(program, config).find((one) => one.name === judge)
  if (subject === undefined) throw new Error(`no judge is named "${judge}"`)
  const running = await subject.start(tools.sinkPort)
  try {
    await tools.send(running.port, messages, load.options)
    since = now()
    await tools.send(running.port, messages, load.options)
    until = now()
  } finally {
    await running.stop()
  }
}
console.log(
  `${load.title}: ${Math.round(messages / ((until - since) / 1e6))} messages a second while being profiled`,
)
// The main thread's file is the largest; the ledger's checkpoint thread has one too.
const files = (await readdir(directory)).filter((entry) => entry.endsWith('.cpuprofile'))
const texts = await Promise.all(
  files.map(async (file) => await readFile(path.join(directory, file), 'utf8')),
)
const largest = texts.reduce((a, b) => (b.length > a.length ? b : a), '')
const { alone, withCalled } = timeOfPlaces(JSON.parse(largest) as Profile, since)
print('microseconds a message, alone', alone, messages)
print(
  'microseconds a message, with what is called',
  new Map([...withCalled].filter(([place]) => place.includes('  src/'))),
  messages,
)
console.log(`\nprofiles: ${directory}`)
