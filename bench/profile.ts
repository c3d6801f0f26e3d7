/**
 * Where the CPU time of Rcptwise goes under a load: `node bench/profile.ts [LOAD] [MESSAGES]`, such as `kept 20000`.
 *
 * Prints the functions with the most self time and keeps the profile for the browser's developer tools.
 */
import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loads } from './loads.ts'
import { startMailTools } from './mail-tools.ts'
import { rcptwise } from './subjects/rcptwise.ts'

/** What is read of a .cpuprofile file (V8's inspector protocol, Profiler.Profile). */
interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const shown = 60

/** Self time in us by place, idle time apart. */
function selfTimes(profile: Profile): ReadonlyMap<string, number> {
  const names = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.startsWith('file:') ? path.relative(process.cwd(), new URL(url).pathname) : url
      return [
        id,
        `${functionName === '' ? '(anonymous)' : functionName}  ${file}${file === '' ? '' : `:${lineNumber + 1}`}`,
      ]
    }),
  )
  const times = new Map<string, number>()
  profile.samples.forEach((id, i) => {
    const name = names.get(id) ?? '?'
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[i] ?? 0))
  })
  return times
}

const [name = 'kept', messages = '20000', directory = path.resolve('.')] = process.argv.slice(2)
const load = loads.find((candidate) => candidate.name === name)
if (load === undefined) throw new Error(`"${name}" is none of ${loads.map((known) => known.name).join(', ')}`)
const kept = await mkdtemp(path.join(tmpdir(), 'rcptwise-profile-'))
{
  await using tools = await startMailTools()
  const program = [
    '--cpu-prof',
    `--cpu-prof-dir=${kept}`,
    '--cpu-prof-interval=200',
    path.join(directory, 'src/cli/main.ts'),
  ]
  const running = await rcptwise('rcptwise', program).start(tools.sinkPort)
  const seconds = await tools.send(running.port, Number(messages), load.options)
  await running.stop()
  console.log(`${load.title}: ${(Number(messages) / seconds).toFixed(0)} messages a second while being profiled`)
}
for (const file of (await readdir(kept)).filter((entry) => entry.endsWith('.cpuprofile'))) {
  const times = selfTimes(JSON.parse(await readFile(path.join(kept, file), 'utf8')) as Profile)
  const busy = [...times].filter(([place]) => !place.startsWith('(idle)') && !place.startsWith('(program)'))
  const total = busy.reduce((sum, [, time]) => sum + time, 0)
  if (total === 0) continue
  console.log(
    `\n${path.join(kept, file)}: ${(total / 1e6).toFixed(2)} s, ${(total / Number(messages)).toFixed(0)} us a message`,
  )
  for (const [place, time] of busy.sort((a, b) => b[1] - a[1]).slice(0, shown))
    console.log(
      `${((time / total) * 100).toFixed(1).padStart(5)}%  ${(time / Number(messages)).toFixed(1).padStart(6)} us  ${place}`,
    )
}
