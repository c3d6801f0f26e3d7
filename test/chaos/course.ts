/**
 * What became of one message in a chaos run, line by line: for who looks into a finding without the
 * record, since that of a run in CI is gone. Pure.
 */
import type { Entry } from './journal.ts'

/** A message to many people that comes again often has no more to tell than this. */
const linesAtMost = 80

/**
 * Whatever the record has of the message, in order; and what its sender has offered besides, which
 * may have been taken for it.
 */
export function courseOf(entries: readonly Entry[], letter: string): readonly string[] {
  const offers = entries.filter((entry) => entry.what === 'letter')
  const reversePath = offers.find((offer) => offer.letter === letter)?.reversePath
  const others = new Set(
    offers.filter((offer) => offer.reversePath === reversePath).map((offer) => offer.letter),
  )
  const own = entries.filter((entry) => 'letter' in entry && entry.letter === letter)
  const from = Math.min(...own.map(timeOf))
  const to = Math.max(...own.map(timeOf))
  const isAbout = (entry: Entry): boolean => {
    if ('letter' in entry && entry.letter === letter) return true
    if (timeOf(entry) < from || timeOf(entry) > to) return false
    return entry.what === 'transaction'
      ? others.has(entry.letter)
      : entry.what === 'blow' || entry.what === 'switch' || entry.what === 'lag'
  }
  const lines = entries.filter(isAbout).map((entry) => JSON.stringify(entry))
  const more = lines.length - linesAtMost
  return more > 0 ? [...lines.slice(0, linesAtMost), `and ${more} more`] : lines
}

export const timeOf = (entry: Entry): number =>
  entry.what === 'transaction' ? entry.from : entry.at
