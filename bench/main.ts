/**
 * `npm run bench`: messages a second through Rcptwise and through what one would put in its place,
 * side by side in one run.
 *
 *   --quick                  less than a minute, coarser
 *   --only kept,fresh        these loads (loads.ts)
 *   --subjects direct,rcptwise
 *   --judges                 instead: Rcptwise with each judge, and Postfix with rspamd as its milter
 *   --history                instead: Rcptwise with its history and without it
 *   --against DIR            another checkout of Rcptwise as one more subject, to compare a change with what was before
 *   --config 'workers: 1'    more of the configuration of Rcptwise, in YAML
 *   --start                  tell first how long a start takes
 *   --source                 run Rcptwise from src instead of building it first
 */
import path from 'node:path'
import { commandLine } from '../test/support/command-line.ts'
import { interopObstacle } from '../test/support/lab/availability.ts'
import { packageRoot } from '../test/support/lab/packages.ts'
import { type Load, loads } from './loads.ts'
import { startMailTools } from './mail-tools.ts'
import { builtProgram, sourceProgram } from './program.ts'
import { type Entrant, measureLoad } from './rounds.ts'
import { measureStart } from './start-time.ts'
import type { Subject } from './subject.ts'
import { direct } from './subjects/direct.ts'
import { haproxy } from './subjects/haproxy.ts'
import { judgedRcptwise, postfixMilter } from './subjects/judged.ts'
import { nodePipe } from './subjects/node-pipe.ts'
import { postfixFilter } from './subjects/postfix-filter.ts'
import { rcptwise } from './subjects/rcptwise.ts'
import { renderTable } from './table.ts'

/**
 * Many short rounds rather than few long ones: what else the machine does comes and goes within
 * seconds.
 */
const fullPace = { rounds: 15, roundSeconds: 0.35, warmUpSeconds: 20, laterWarmUpSeconds: 8 }
const quickPace = { rounds: 4, roundSeconds: 0.2, warmUpSeconds: 3, laterWarmUpSeconds: 0.4 }

const options = commandLine({
  quick: false,
  only: String,
  subjects: String,
  against: String,
  config: String,
  source: false,
  start: false,
  judges: false,
  history: false,
})

const obstacle = interopObstacle()
if (obstacle !== undefined) {
  console.error(
    `The benchmark can't run here: ${obstacle}. It runs Postfix and HAProxy out of Debian's packages, as root.`,
  )
  process.exit(1)
}

/**
 * Those that were asked for by name, in their own order; ends the process for a name that is not
 * known.
 */
function chosen<T extends { readonly name: string }>(
  known: readonly T[],
  names: string | undefined,
): readonly T[] {
  if (names === undefined) return known
  const wanted = names.split(',')
  const unknown = wanted.find((name) => !known.some((candidate) => candidate.name === name))
  if (unknown === undefined) return known.filter(({ name }) => wanted.includes(name))
  console.error(`"${unknown}" is none of ${known.map(({ name }) => name).join(', ')}`)
  return process.exit(2)
}

/** Each load in turn. What the loads have in common is warm after the first one. */
async function bench(
  selectedLoads: readonly Load[],
  subjects: readonly Subject[],
  signal: AbortSignal,
): Promise<void> {
  const { warmUpSeconds, laterWarmUpSeconds, ...paced } = options.quick ? quickPace : fullPace
  // The history is written behind the answer.
  const pace = { ...paced, settleMs: options.history ? 1000 : 0 }
  await using tools = await startMailTools()
  await using started = new AsyncDisposableStack()
  const entrants: Entrant[] = []
  for (const subject of subjects) {
    const running = await subject.start(tools.sinkPort)
    started.defer(running.stop)
    entrants.push({ name: subject.name, running })
  }
  for (const [place, load] of selectedLoads.entries()) {
    const warm = { warmUpSeconds: place === 0 ? warmUpSeconds : laterWarmUpSeconds }
    console.log(
      `\n${renderTable(load, await measureLoad(tools, load, entrants, { ...pace, ...warm, signal }))}`,
    )
  }
}

const selectedLoads = chosen(loads, options.only)
const program = options.source ? sourceProgram : builtProgram()
const own = rcptwise('rcptwise', [program], { config: options.config })
const against =
  options.against === undefined ? undefined : path.resolve(options.against, 'src/cli/main.ts')
const other =
  against === undefined ? [] : [rcptwise('against', [against], { config: options.config })]
const otherJudged =
  against === undefined
    ? []
    : judgedRcptwise([against], options.config)
        .filter(({ name }) => name === 'rspamd')
        .map((subject) => ({ ...subject, name: 'against' }))
const known = options.history
  ? [own, rcptwise('no-history', [program], { config: 'history: off' })]
  : options.judges
    ? [...judgedRcptwise([program], options.config), ...otherJudged, postfixMilter, postfixFilter]
    : [direct, nodePipe, postfixFilter, haproxy, own, ...other]
const subjects = chosen(known, options.subjects)
for (const set of ['postfix', 'haproxy'] as const)
  await packageRoot(set, (line) => console.log(line))
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupted.abort(new Error(`${signal}: the benchmark ends early`)))
}
try {
  if (options.start) console.log(`start to greeting: ${(await measureStart(program)).toFixed(2)} s`)
  await bench(selectedLoads, subjects, interrupted.signal)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
