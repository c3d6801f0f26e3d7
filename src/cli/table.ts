/**
 * Tables and times for people at a terminal, as wide as it is, or 80 columns elsewhere:
 *
 * - The last column is wrapped, so that it is whole.
 * - Others are cut in their middle, the widest first. The first one names the row, and has a
 *   quarter of the width for itself.
 * - What would be unreadable then is told row by row, one line a field, and whole.
 */
import { paint } from '../log/colours.ts'
import { visible } from '../log/visible.ts'
import { cutTo, folded, widthOf, wrapped } from './text-width.ts'

/** No column is cut to less; the last one wants more, to be wrapped well. */
const leastCut = 10
const leastWrapped = 16
const gap = '  '

/** Of a terminal, which may be wider. */
export const outputWidth = (): number =>
  process.stdout.isTTY && process.stdout.columns > 0 ? Math.max(40, process.stdout.columns) : 80

/** What is no table: folded on a terminal, and line by line for programs elsewhere. */
export const sentences = (text: string): string =>
  process.stdout.isTTY ? folded(text, outputWidth()) : text

/** Cells are made fit for a terminal. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  width = outputWidth(),
): string {
  const cells = rows.map((row) => row.map(visible))
  const widths = fitted(headings, cells, width)
  if (widths === undefined)
    return cells
      .map((row) =>
        facts(
          row.map((cell, column) => [headings[column] ?? '', cell]),
          width,
        ),
      )
      .join('\n\n')
  const lines = cells.flatMap((row) => linesOf(row, widths))
  return [paint('bold', linesOf(headings, widths).join('\n')), ...lines].join('\n')
}

/** What belongs to one thing: a name and a value in each line, or in more of them. */
export function facts(
  rows: readonly (readonly [name: string, value: string])[],
  width = outputWidth(),
): string {
  const indent = Math.max(...rows.map(([name]) => widthOf(name))) + gap.length
  return rows
    .flatMap(([name, value]) =>
      wrapped(visible(value), width - indent).map((line, at) =>
        `${padded(at === 0 ? name : '', indent)}${line}`.trimEnd(),
      ),
    )
    .join('\n')
}

const padded = (text: string, width: number): string =>
  `${text}${' '.repeat(Math.max(0, width - widthOf(text)))}`

/** A row, whose last cell may have several lines. */
function linesOf(row: readonly string[], widths: readonly number[]): readonly string[] {
  const last = row.length - 1
  const before = row
    .slice(0, last)
    .map((cell, column) => padded(cutTo(cell, widths[column] ?? 0), widths[column] ?? 0) + gap)
    .join('')
  return wrapped(row[last] ?? '', widths[last] ?? 0).map((line, at) =>
    `${at === 0 ? before : ' '.repeat(widthOf(before))}${line}`.trimEnd(),
  )
}

/** The widths of the columns; undefined where they can't be made to fit. */
function fitted(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
): readonly number[] | undefined {
  const widths = headings.map((heading, column) =>
    Math.max(widthOf(heading), ...rows.map((row) => widthOf(row[column] ?? ''))),
  )
  const last = headings.length - 1
  const least = headings.map((heading, column) => {
    const own = widths[column] ?? 0
    if (column === 0 && last > 0) return Math.min(own, Math.floor(width / 4))
    return Math.max(widthOf(heading), Math.min(own, column === last ? leastWrapped : leastCut))
  })
  const room = width - gap.length * last
  let over = widths.reduce((sum, own) => sum + own, 0) - room
  while (over > 0) {
    const spare = widths.map((own, column) => (own > (least[column] ?? 0) ? own : 0))
    const widest = spare.indexOf(Math.max(...spare))
    const own = spare[widest] ?? 0
    if (own === 0) return undefined
    // To the next widest in one step, or as far as is needed.
    const next = Math.max(least[widest] ?? 0, ...spare.filter((one) => one < own))
    const step = Math.min(over, own - next)
    widths[widest] = own - step
    over -= step
  }
  return widths
}

const units: readonly (readonly [string, number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
]

/** The same in its largest unit alone, for a column. */
export const age = (fromMs: number, toMs: number): string =>
  elapsed(fromMs, toMs).replace(/ .*/, '')

/**
 * Time between two moments (ms since the epoch), in its two largest units: `2h 05m`, `45s`; never
 * negative.
 */
export function elapsed(fromMs: number, toMs: number): string {
  const seconds = Math.max(0, Math.floor((toMs - fromMs) / 1000))
  const first = units.findIndex(([, size]) => seconds >= size)
  const [unit, size] = units[first] ?? ['s', 1]
  const next = units[first + 1]
  const whole = `${Math.floor(seconds / size)}${unit}`
  if (first === -1 || next === undefined) return whole
  const rest = Math.floor((seconds % size) / next[1])
  return rest === 0 ? whole : `${whole} ${String(rest).padStart(2, '0')}${next[0]}`
}
