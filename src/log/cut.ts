/** Bounds for what a line of the log holds of lists and texts whose length others choose. */

const mostEntries = 100
/** Longer than any address (RFC 5321 4.5.3.1.3) and any sensible reply. */
const mostCharacters = 1000

export interface CutList<Shown> {
  readonly shown: readonly Shown[]
  /**
   * To be spread into the line: `leftOut` with the number of entries that are not shown, or
   * nothing.
   */
  readonly leftOut: { readonly leftOut?: number }
}

/** The first hundred entries, and how many more there were. */
export function cutList<Entry, Shown>(
  entries: readonly Entry[],
  show: (entry: Entry) => Shown,
): CutList<Shown> {
  const leftOut = entries.length - mostEntries
  return {
    shown: (leftOut > 0 ? entries.slice(0, mostEntries) : entries).map((entry) => show(entry)),
    leftOut: leftOut > 0 ? { leftOut } : {},
  }
}

export const cutText = (text: string): string =>
  text.length <= mostCharacters
    ? text
    : `${text.slice(0, mostCharacters)}… (${text.length} characters)`
