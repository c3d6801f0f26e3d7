/**
 * What happens with every message is said once in a while, with how often it was left out. Times
 * are ms.
 */
export class Floods {
  readonly #everyMs: number
  readonly #last = new Map<string, { readonly loggedAt: number; count: number }>()

  constructor(everyMs: number) {
    this.#everyMs = everyMs
  }

  /**
   * What a line about `of` says besides; undefined when there is none this time. `of` takes few
   * values.
   */
  line(of: string, at: number): { readonly moreSinceLastLine?: number } | undefined {
    const last = this.#last.get(of)
    if (last !== undefined && at - last.loggedAt < this.#everyMs) {
      last.count += 1
      return undefined
    }
    this.#last.set(of, { loggedAt: at, count: 0 })
    return last === undefined ? {} : { moreSinceLastLine: last.count }
  }
}
