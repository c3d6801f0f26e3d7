/**
 * Rounds: one load, every subject in turn, again and again (A B C, A B C, …), so that whatever else the machine does falls on
 * all of them alike. The median of a subject's rounds counts.
 */
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
  /** Microseconds of the subject's CPU time a message, where one process has it all. */
  readonly cpuMicros?: number
  /** Lowest and highest round. */
  readonly range?: readonly [number, number]
  readonly failed?: string
}

export interface Pace {
  readonly rounds: number
  /** About how long one round of one subject takes. */
  readonly roundSeconds: number
}

/** Messages of the very first run, which only tells how many a second there will be. */
const probeMessages = 100
/** Where a round ends even for the fastest: Rcptwise takes 1000 messages in one session by default. */
const mostMessages = 18_000

interface Course {
  readonly entrant: Entrant
  messages: number
  readonly rates: number[]
  readonly cpu: number[]
  failed?: string
}

export async function measureLoad(
  tools: MailTools,
  load: Load,
  entrants: readonly Entrant[],
  pace: Pace,
): Promise<readonly Measured[]> {
  const courses = entrants.map((entrant): Course => ({ entrant, messages: probeMessages, rates: [], cpu: [] }))
  // Probe, then warm up for as long as a round: Node compiles what is hot, connections are pooled.
  for (let warming = 0; warming < 2; warming += 1) {
    for (const course of courses) await runOnce(tools, load, course, pace)
  }
  for (const course of courses) {
    course.rates.length = 0
    course.cpu.length = 0
  }
  for (let round = 0; round < pace.rounds; round += 1) {
    for (const course of courses) await runOnce(tools, load, course, pace)
  }
  return courses.map(measuredOf)
}

async function runOnce(tools: MailTools, load: Load, course: Course, pace: Pace): Promise<void> {
  if (course.failed !== undefined) return
  const { port, pid } = course.entrant.running
  const cpuBefore = pid === undefined ? undefined : cpuSeconds(pid)
  try {
    const seconds = await tools.send(port, course.messages, load.options)
    const cpuAfter = pid === undefined ? undefined : cpuSeconds(pid)
    if (cpuBefore !== undefined && cpuAfter !== undefined)
      course.cpu.push(((cpuAfter - cpuBefore) / course.messages) * 1e6)
    course.rates.push(course.messages / seconds)
    const wanted = Math.round((course.messages / seconds) * pace.roundSeconds)
    course.messages = Math.min(mostMessages, Math.max(20, wanted))
  } catch (error) {
    course.failed = error instanceof Error ? error.message : String(error)
  }
}

function measuredOf({ entrant: { name }, rates, cpu, failed }: Course): Measured {
  if (failed !== undefined || rates.length === 0) return { name, failed: failed ?? 'no round was run' }
  const measured = { name, rate: median(rates), range: [Math.min(...rates), Math.max(...rates)] as const }
  return cpu.length === 0 ? measured : { ...measured, cpuMicros: median(cpu) }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}
