/**
 * The text of /metrics, in the format that the reader wants: that of Prometheus, or OpenMetrics
 * 1.0.0.
 *
 * Most series are as they were at the last reading, or were never counted: their lines are kept, so
 * that a thousand peer classes cost little where ten of them have mail.
 */
import { type MetricDescription, metricPrefix } from './metrics.ts'
import { textOfNode } from './node-text.ts'
import type { Family, Run, Sum, Sums } from './summed.ts'
import { type Format, heading, lineOf } from './text-lines.ts'
import type { MetricJson } from './told.ts'

export type { Format } from './text-lines.ts'

export const contentTypes: Readonly<Record<Format, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** What an Accept field asks for: OpenMetrics only where it is not liked less (RFC 9110 12.5.1). */
export function formatFor(accept: string | undefined): Format {
  const ranges = (accept ?? '').split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const quality = parameters.find((parameter) => parameter.startsWith('q='))
    const q = quality === undefined ? 1 : Number(quality.slice(2))
    return { type, q: Number.isFinite(q) ? q : 0 }
  })
  const liked = (wanted: string): number =>
    Math.max(0, ...ranges.filter(({ type }) => type === wanted).map(({ q }) => q))
  const open = liked('application/openmetrics-text')
  return open > 0 && open >= liked('text/plain') ? 'openmetrics' : 'prometheus'
}

/** `ofNode`: what Node.js tells of each process, this one first. */
export function exposition(
  sums: Sums,
  ofNode: readonly (readonly MetricJson[])[],
  format: Format,
): Buffer {
  const lines: Buffer[] = []
  for (const { metric, runs } of sums.families) {
    const headed = { ...metric, name: metricPrefix + metric.name }
    lines.push(Buffer.from(heading(headed, format)))
    const write = writerOf(metric)
    for (const run of runs) lines.push((run.lines ??= linesOf(run, write)))
  }
  const end = format === 'openmetrics' ? '# EOF\n' : ''
  lines.push(Buffer.from(textOfNode(ofNode, format) + end))
  return Buffer.concat(lines)
}

type Writer = (sum: Sum) => string

/** Octets, and no string: of those there would be some megabytes for the garbage collector. */
function linesOf({ sums }: Run, write: Writer): Buffer {
  let lines = ''
  for (const sum of sums) lines += write(sum)
  return Buffer.from(lines)
}

function writerOf({ name, buckets }: Family['metric']): Writer {
  const full = metricPrefix + name
  return buckets === undefined
    ? ({ text, amounts }) => lineOf(full, text, amounts[0] ?? 0)
    : histogramWriter(full, buckets)
}

function histogramWriter(name: string, buckets: NonNullable<MetricDescription['buckets']>): Writer {
  const begins = [...buckets, '+Inf'].map((le) => `${name}_bucket{le="${le}"`)
  return ({ text, amounts }) => {
    const end = text === '' ? '} ' : `,${text}} `
    const count = amounts[buckets.length + 1] ?? 0
    let lines = ''
    let below = 0
    for (let i = 0; i < buckets.length; i++) {
      below += amounts[i] ?? 0
      lines += `${begins[i]}${end}${below}\n`
    }
    lines += `${begins[buckets.length]}${end}${count}\n`
    lines += lineOf(`${name}_sum`, text, amounts[buckets.length] ?? 0)
    return lines + lineOf(`${name}_count`, text, count)
  }
}
