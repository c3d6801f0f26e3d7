/**
 * Which endpoint a message goes to: the usable ones of the best priority first, in proportion to
 * their weights, and of those the ones that offer what the message needs. Pure: chance comes in.
 */
import type { Extensions } from '../../smtp/ehlo.ts'
import type { Reply } from '../../smtp/reply.ts'
import { fits, type Needs, refusalFor } from '../wire/needs.ts'
import {
  type Endpoint,
  orderWeighted,
  pickWeighted,
  sharedWeights,
  type Weighted,
} from './route.ts'

/** What decides whether an endpoint is chosen. */
export interface Choosable extends Pick<Endpoint, 'server' | 'host' | 'rank'> {
  readonly usable: boolean
  /** Would relay: never chosen. */
  readonly relays: boolean
  /** Its EHLO as it was last seen. */
  readonly extensions: Extensions | undefined
}

/** What a borrower wants of an endpoint. */
export interface Wanted {
  readonly needs?: Needs | undefined
  /** Endpoints that were tried already. */
  readonly not?: ReadonlySet<Choosable> | undefined
}

/** The usable ones of the best priority, as chosen from at each message. */
export function bestOf<T extends Choosable>(all: readonly T[]): Weighted<T>[] {
  const usable = all.filter((one) => one.usable)
  const best = Math.min(...usable.map(({ rank }) => rank))
  return sharedWeights(usable.filter(({ rank }) => rank === best))
}

/** One of the best; undefined when the one whose turn it is does not suit. */
export function pickSuitable<T extends Choosable>(
  best: readonly Weighted<T>[],
  { needs, not }: Wanted,
  random: () => number,
): T | undefined {
  const picked = pickWeighted(best, best.length > 1 ? random() : 0)
  return picked !== undefined && not === undefined && fit(picked, needs) === 'well'
    ? picked
    : undefined
}

/**
 * All that may be tried, best first: at the end those that are ejected, since trying beats
 * refusing.
 */
export function inOrder<T extends Choosable>(
  all: readonly T[],
  { needs, not }: Wanted,
  random: () => number,
): T[] {
  const untried = all.filter((one) => !one.relays && not?.has(one) !== true)
  const ranks = [...Map.groupBy(untried, ({ rank }) => rank)].sort(([a], [b]) => a - b)
  const weighed = ranks.flatMap(([, ofRank]) => orderWeighted(sharedWeights(ofRank), random))
  const fitting = weighed.filter((one) => fit(one, needs) !== 'not')
  const grade = (one: T): number => (one.usable ? 0 : 2) + (fit(one, needs) === 'well' ? 0 : 1)
  const graded = fitting.sort((a, b) => grade(a) - grade(b))
  // A message that is too large for all of them: the server says so best itself.
  const tooLarge = graded.length === 0 && needs !== undefined && needs.sizeBytes > 0
  return tooLarge ? inOrder(all, { needs: { ...needs, sizeBytes: 0 }, not }, random) : graded
}

/** Those of the first one's priority, usable if it is. */
export function alike<T extends Choosable>(order: readonly T[]): readonly T[] {
  const [first] = order
  if (first === undefined) return []
  return order.filter(({ rank, usable }) => rank === first.rank && usable === first.usable)
}

/**
 * What a client hears when no endpoint was of use for its message; undefined when its message is
 * not the reason. `unknown`: there are servers whose endpoints are not known.
 */
export function refusalOf(
  all: readonly Choosable[],
  needs: Needs | undefined,
  unknown: boolean,
): Reply | undefined {
  if (needs === undefined) return undefined
  const known = all.filter(({ usable, extensions }) => usable && extensions !== undefined)
  if (known.length === 0 || known.some((one) => fit(one, needs) !== 'not')) return undefined
  const lackedByAll = (keyword: string): boolean =>
    known.every(({ extensions }) => extensions?.has(keyword) !== true)
  return refusalFor(needs, lackedByAll, known.length < all.length || unknown)
}

/** One whose EHLO was never seen may have anything. */
const fit = ({ extensions }: Choosable, needs: Needs | undefined): ReturnType<typeof fits> =>
  needs === undefined || extensions === undefined ? 'well' : fits(extensions, needs)
