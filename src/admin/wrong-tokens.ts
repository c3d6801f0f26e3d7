/**
 * Tells of wrong tokens, for the log: at once, and then no more than once a minute for all of them,
 * with how many there were. Of a token itself nothing is told.
 */

/** Between two lines. */
export const quietMs = 60_000

export class WrongTokens {
  readonly #tell: (what: string) => void
  readonly #now: () => number
  #told = -Infinity
  /** Since the last line, by address. */
  #unsaid = new Map<string, number>()

  constructor(tell: (what: string) => void, now: () => number) {
    this.#tell = tell
    this.#now = now
  }

  /** `remote`: the address that the token came from. */
  note(remote: string): void {
    if (this.#unsaid.has(remote) || this.#unsaid.size < mostAddresses)
      this.#unsaid.set(remote, (this.#unsaid.get(remote) ?? 0) + 1)
    const now = this.#now()
    // A clock that was set back says nothing for no longer than that.
    if (now - this.#told < quietMs && now >= this.#told) return
    this.#told = now
    const said = [...this.#unsaid].map(([from, count]) => `${from} (${count})`)
    this.#unsaid = new Map()
    this.#tell(`admin API: wrong tokens from ${said.join(', ')}`)
  }
}

/** Named in one line. */
const mostAddresses = 20
