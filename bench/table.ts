/**
 * The result of a load as a table: messages a second, what they are of direct's and of HAProxy's,
 * CPU time a message.
 */
import type { Load } from './loads.ts'
import type { Measured } from './rounds.ts'

/** Columns that ratios are made to, when the subject is there. */
const references = ['direct', 'judge-less', 'haproxy', 'node-pipe', 'postfix-filter']

export function renderTable(load: Load, measured: readonly Measured[]): string {
  const against = measured.filter(({ name }) => references.includes(name))
  const filters = measured.some(({ filterMicros }) => filterMicros !== undefined)
  const heading = [
    '',
    'msg/s',
    'lowest',
    'highest',
    'cpu us/msg',
    ...(filters ? ["filter's"] : []),
    ...against.map(({ name }) => `/ ${name}`),
  ]
  const rows = measured.map((row) => [
    row.name,
    whole(row.rate),
    whole(row.range?.[0]),
    whole(row.range?.[1]),
    whole(row.cpuMicros),
    ...(filters ? [whole(row.filterMicros)] : []),
    ...against.map((reference) => ratio(row.rate, reference.rate)),
  ])
  const failures = measured.flatMap(({ name, failed }) =>
    failed === undefined ? [] : [`  ${name}: ${failed}`],
  )
  return [`${load.name}: ${load.title}`, ...aligned([heading, ...rows]), ...failures].join('\n')
}

const whole = (value: number | undefined): string =>
  value === undefined ? '-' : value.toFixed(value < 10 ? 1 : 0)

const ratio = (rate: number | undefined, reference: number | undefined): string =>
  rate === undefined || reference === undefined ? '-' : (rate / reference).toFixed(2)

/** First column to the left, the others to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}
