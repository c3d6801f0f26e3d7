/** Tables and times for people at a terminal. Pure. */
import { visible } from '../log/visible.ts'

/** Columns as wide as their longest cell, two spaces apart. Cells are made fit for a terminal. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows.map((row) => row.map(visible))]
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const units: readonly (readonly [string, number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
]

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
