/**
 * The mail of the table in docs/strategies.md: a stated mix, drawn from a seed, so that each run is
 * the same.
 */
import { policies } from '../support/machine.ts'

/** Uniform in [0, 1): mulberry32. */
export type Random = () => number

export function randomFrom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

type Shares<T> = readonly (readonly [share: number, value: T])[]

/** Shares are of 100. */
export const mix = {
  recipients: [
    [60, 1],
    [20, 2],
    [10, 3],
    [6, 4],
    [3, 6],
    [1, 20],
  ] satisfies Shares<number>,
  policies: [
    [40, policies.tagOnly],
    [40, policies.careful],
    [20, policies.strict],
  ] satisfies Shares<(typeof policies)[keyof typeof policies]>,
  /** 0: nobody minds. 5.5: `strict` tags. 9: `strict` refuses. 20: only `tag-only` takes it. */
  scores: [
    [80, 0],
    [8, 5.5],
    [6, 9],
    [6, 20],
  ] satisfies Shares<number>,
}

export function draw<T>(random: Random, shares: Shares<T>): T {
  let left = random() * 100
  for (const [share, value] of shares) {
    left -= share
    if (left < 0) return value
  }
  const last = shares.at(-1)
  if (last === undefined) throw new Error('nothing to draw from')
  return last[1]
}
