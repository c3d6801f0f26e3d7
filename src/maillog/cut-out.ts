/** Pieces of a line between two marks. Pure; each takes one look at the line. */

/** Behind `before` up to `after`, from `from` on; undefined where one of them is missing. */
export function between(line: string, before: string, after: string, from = 0): string | undefined {
  const start = line.indexOf(before, from)
  if (start < 0) return undefined
  const begin = start + before.length
  const end = line.indexOf(after, begin)
  return end < 0 ? undefined : line.slice(begin, end)
}

/** The word that begins at `from`: up to a blank, or to the end. */
export function wordAt(line: string, from: number): string {
  const end = line.indexOf(' ', from)
  return end < 0 ? line.slice(from) : line.slice(from, end)
}

/** A whole number of digits alone; undefined for anything else. */
export function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || text === '' || text.length > 15) return undefined
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i)
    if (digit < 48 || digit > 57) return undefined
  }
  return Number(text)
}

/** A score as scanners write it; undefined for `nan` and anything else. */
export function scoreOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '' || text.length > 30) return undefined
  const score = Number(text)
  return Number.isFinite(score) ? score : undefined
}

/** Symbols that are told on, and characters of one: as of a running rspamd (judge/rspamd). */
const mostSymbols = 100
const longestName = 100

export const symbolsOf = (names: readonly string[]): readonly string[] =>
  names
    .slice(0, mostSymbols)
    .map((name) => name.trim().slice(0, longestName))
    .filter((name) => name !== '')
