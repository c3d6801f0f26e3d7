/** The delays of a sender's last retries: as heights, and in words. Pure. */
import { count, spell } from './words.ts'

/**
 * How high each bar is, from just to be seen to 1. Delays go from seconds to days, so that each
 * step up is some times as long.
 */
export function heightsOf(seconds: readonly number[]): readonly number[] {
  const logs = seconds.map((each) => Math.log1p(Math.max(0, each)))
  const [least, most] = [Math.min(...logs), Math.max(...logs)]
  return logs.map((each) =>
    most === least ? 0.5 : 0.15 + (0.85 * (each - least)) / (most - least),
  )
}

/** Of an even number the lower one in the middle; undefined for none. */
export function medianOf(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length / 2) - 1]
}

/** Such as `the last 5 retries came after 1m to 15m, half of them within 5m`. */
export function delaysInWords(seconds: readonly number[]): string {
  const half = medianOf(seconds)
  if (half === undefined) return 'no retry was seen'
  const [least, most, usual] = [Math.min(...seconds), Math.max(...seconds), half].map((each) =>
    spell(each * 1000),
  )
  if (seconds.length === 1) return `the last retry came after ${most}`
  return `the last ${count(seconds.length)} retries came after ${least} to ${most}, half of them within ${usual}`
}
