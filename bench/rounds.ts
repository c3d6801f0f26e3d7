/**
 * Rounds: one load, every subject in turn, there and back again (A B C, C B A, …), so that whatever
 * else the machine does falls on all of them alike, and nobody always runs first. The median of a
 * subject's rounds counts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSeconds } from './cpu-time.ts'
import type { Load } from './loads.ts'
import type { MailTools } from './mail-tools.ts'
import type { Running } from './subject.ts'

export interface Entrant {
  readonly name: string
  readonly running: Running
}

export interface Measured {
  readonly name: string
  /** Messages a second; absent when the subject failed. */
  readonly rate?: number
  /** Microseconds of CPU time a message, of the subject alone. */
  readonly cpuMicros?: number
  /** The same, of the scanner behind it. */
  readonly filterMicros?: number
  /** Lowest and highest round. */
  readonly range?: readonly [number, number]
  readonly failed?: string
}

export interface Pace {
  readonly rounds: number
  /** About how long one round of one subject takes. */
  readonly roundSeconds: number
  /** How long each subject is under a load before any round counts. */
  readonly warmUpSeconds: number
  /** What a subject does so long after a round counts, too. */
  readonly settleMs: number
  /** Ends the measurement before the next run of smtp-source: it rejects then. */
  readonly signal: AbortSignal
}

/**
 * Where a round ends even for the fastest: Rcptwise takes 1000 messages in one session by default.
 */
const mostMessages = 18_000

interface Course {
  readonly entrant: Entrant
  messages: number
  /** In all rounds and before. */
  sent: number
  readonly scansBefore: number
  readonly rates: number[]
  readonly cpu: number[]
  readonly filterCpu: number[]
  failed?: string
}

export async function measureLoad(
  tools: MailTools,
  load: Load,
  entrants: readonly Entrant[],
  pace: Pace,
): Promise<readonly Measured[]> {
  const courses = await Promise.all(
    entrants.map(async (entrant): Promise<Course> => ({
      entrant,
      messages: load.probe,
      sent: 0,
      scansBefore: (await entrant.running.filter?.scans()) ?? 0,
      rates: [],
      cpu: [],
      filterCpu: [],
    })),
  )
  await warmUp(tools, load, courses, pace)
  for (let round = 0; round < pace.rounds; round += 1) {
    for (const course of inTurn(courses, round)) await runOnce(tools, load, course, pace)
  }
  for (const course of courses) await checkScans(course)
  return courses.map(measuredOf)
}

/** Of what was sent; a filter writes its log behind its answers. */
const scannedAtLeast = 0.9

/**
 * A subject whose filter is not shown its messages is quick for nothing: Postfix shows a milter no
 * text where it passes it on by smtpd_proxy_filter.
 */
async function checkScans(course: Course): Promise<void> {
  const { filter } = course.entrant.running
  if (filter === undefined || course.failed !== undefined) return
  const scans = (await filter.scans()) - course.scansBefore
  if (scans < scannedAtLeast * course.sent)
    course.failed = `its filter has scanned ${scans} of ${course.sent} messages`
}

/** There, and the next time back: who runs behind whom makes a tenth of the CPU time. */
const inTurn = (courses: readonly Course[], round: number): readonly Course[] =>
  round % 2 === 0 ? courses : courses.toReversed()

/**
 * A server runs for weeks, so what its first seconds cost does not count: Node compiles what is hot
 * for the first fifteen thousand messages or so, Postfix and the pool of Rcptwise start processes
 * and connections. In turn, too: who was idle while the others became warm is at a disadvantage.
 */
async function warmUp(
  tools: MailTools,
  load: Load,
  courses: readonly Course[],
  pace: Pace,
): Promise<void> {
  const end = performance.now() + pace.warmUpSeconds * 1000 * courses.length
  for (let round = 0; performance.now() < end; round += 1) {
    const running = inTurn(courses, round).filter(({ failed }) => failed === undefined)
    if (running.length === 0) break
    for (const course of running) await runOnce(tools, load, course, pace)
  }
  for (const course of courses) {
    course.rates.length = 0
    course.cpu.length = 0
    course.filterCpu.length = 0
  }
}

/** One run of smtp-source; what it shows of the speed makes the next one as long as a round. */
async function runOnce(tools: MailTools, load: Load, course: Course, pace: Pace): Promise<void> {
  pace.signal.throwIfAborted()
  if (course.failed !== undefined) return
  const { running } = course.entrant
  const { messages } = course
  const before = cpuOf(running)
  try {
    const took = await tools.send(running.port, messages, load.options)
    await running.settled?.()
    await sleep(pace.settleMs)
    course.sent += messages
    note(course, before, cpuOf(running))
    course.rates.push(course.messages / took)
    const wanted = Math.round((course.messages / took) * pace.roundSeconds)
    course.messages = Math.min(mostMessages, Math.max(20, wanted))
  } catch (error) {
    course.failed = error instanceof Error ? error.message : String(error)
  }
}

interface Cpu {
  readonly own?: number
  readonly filter?: number
}

function cpuOf({ pid, filter }: Running): Cpu {
  const own = pid === undefined ? undefined : cpuSeconds(pid)
  const behind = filter?.pid === undefined ? undefined : cpuSeconds(filter.pid)
  return {
    ...(own === undefined ? {} : { own }),
    ...(behind === undefined ? {} : { filter: behind }),
  }
}

function note({ cpu, filterCpu, messages }: Course, before: Cpu, after: Cpu): void {
  const micros = (from: number, to: number): number => ((to - from) / messages) * 1e6
  if (before.own !== undefined && after.own !== undefined) cpu.push(micros(before.own, after.own))
  if (before.filter !== undefined && after.filter !== undefined)
    filterCpu.push(micros(before.filter, after.filter))
}

function measuredOf({ entrant: { name }, rates, cpu, filterCpu, failed }: Course): Measured {
  if (failed !== undefined || rates.length === 0)
    return { name, failed: failed ?? 'no round was run' }
  const measured = {
    name,
    rate: median(rates),
    range: [Math.min(...rates), Math.max(...rates)] as const,
  }
  return {
    ...measured,
    ...(cpu.length === 0 ? {} : { cpuMicros: median(cpu) }),
    ...(filterCpu.length === 0 ? {} : { filterMicros: median(filterCpu) }),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}
