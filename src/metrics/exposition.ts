/**
 * The text of /metrics, in the format that the reader wants: that of Prometheus, or OpenMetrics
 * 1.0.0.
 *
 * Most series are as they were at the last reading, or were never counted: their lines are kept, so
 * that a thousand peer classes cost little where ten of them have mail.
 */
import type { Lines } from './lines.ts'
import { metricPrefix } from './metrics.ts'
import { textOfNode } from './node-text.ts'
import type { Sums } from './summed.ts'
import { type Format, heading } from './text-lines.ts'
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

/**
 * `ofNode`: what Node.js tells of each process, this one first. `room`: gives octets to write to,
 * at least so many.
 */
export function exposition(
  sums: Sums,
  ofNode: readonly (readonly MetricJson[])[],
  format: Format,
  room = (length: number): Buffer => Buffer.allocUnsafe(length),
): Buffer {
  const parts: Lines[] = []
  for (const family of sums.families) {
    const { metric } = family
    parts.push(whole(heading({ ...metric, name: metricPrefix + metric.name }, format)))
    for (const lines of family.write()) parts.push(lines)
  }
  const end = format === 'openmetrics' ? '# EOF\n' : ''
  parts.push(whole(textOfNode(ofNode, format) + end))
  const text = room(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const { octets, length } of parts) at += octets.copy(text, at, 0, length)
  return text.subarray(0, at)
}

function whole(text: string): Lines {
  const octets = Buffer.from(text)
  return { octets, length: octets.length }
}
