/** Durations as people type them into a request: `90s`, `30m`, `2h`, `7d`, `1h30m`. Pure. */

const unitMs = new Map([
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])
const longestMs = 366 * 86_400_000

export const durationForm =
  'a number with s, m, h or d, such as 90s, 30m, 2h or 1h30m, at most 366d'

/** In ms; undefined when it is no such duration, nothing at all, or longer than a year. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d{1,9}[smhd]){1,4}$/.test(text)) return undefined
  let ms = 0
  for (const [, number, unit] of text.matchAll(/(\d{1,9})([smhd])/g))
    ms += Number(number) * (unitMs.get(unit ?? '') ?? NaN)
  return ms > 0 && ms <= longestMs ? ms : undefined
}
