/**
 * Parts that outlive a configuration: whoever needs one says by which settings, and gets the one
 * that is open with equal settings, or a new one. A part is closed when nobody holds it any more.
 * What a part is made of is its settings alone, so what is not among them can't go stale.
 */
import { isDeepStrictEqual } from 'node:util'

/** A part, for as long as its holder wants it. */
export interface Lease<Part> extends AsyncDisposable {
  readonly part: Part
  /** Lets go, once; resolves when the part is closed where this was the last lease of it. */
  release(): Promise<void>
}

export interface LeasesOptions<Settings, Part> {
  /** A part that can't be opened rejects, and leaves nothing behind. */
  readonly open: (settings: Settings) => Part | Promise<Part>
  /**
   * Somebody wants what is open already, where a new one would have looked at the world outside: it
   * looks now. Who asked gets no lease when this rejects; those who hold one keep it.
   */
  readonly renew?: (part: Part) => void | Promise<void>
}

interface Held<Settings, Part> {
  readonly settings: Settings
  readonly opened: Promise<Part>
  holders: number
}

export class Leases<Settings, Part extends { close(): Promise<void> }> {
  readonly #options: LeasesOptions<Settings, Part>
  readonly #held = new Set<Held<Settings, Part>>()
  readonly #closing = new Map<Held<Settings, Part>, Promise<void>>()

  constructor(options: LeasesOptions<Settings, Part>) {
    this.#options = options
  }

  /** Rejects with what is wrong with the part. */
  async lease(settings: Settings): Promise<Lease<Part>> {
    const before = this.#find(this.#held, settings)
    const held = before ?? this.#begin(settings)
    held.holders++
    try {
      const part = await held.opened
      if (before !== undefined) await this.#options.renew?.(part)
      return leaseOf(part, async () => await this.#leave(held))
    } catch (error) {
      await this.#leave(held)
      throw error
    }
  }

  #find(
    among: Iterable<Held<Settings, Part>>,
    settings: Settings,
  ): Held<Settings, Part> | undefined {
    return [...among].find((held) => isDeepStrictEqual(held.settings, settings))
  }

  #begin(settings: Settings): Held<Settings, Part> {
    const held = { settings, opened: this.#open(settings), holders: 0 }
    this.#held.add(held)
    // Who asks again does not get the same failure, but another attempt.
    held.opened.catch(() => this.#held.delete(held))
    return held
  }

  /** Two of the same settings are never open side by side. */
  async #open(settings: Settings): Promise<Part> {
    const last = this.#find(this.#closing.keys(), settings)
    if (last !== undefined) await this.#closing.get(last)?.catch(() => undefined)
    return await this.#options.open(settings)
  }

  async #leave(held: Held<Settings, Part>): Promise<void> {
    held.holders--
    if (held.holders > 0 || !this.#held.delete(held)) return
    const closing = held.opened.then(async (part) => await part.close())
    this.#closing.set(held, closing)
    await closing.finally(() => this.#closing.delete(held))
  }
}

function leaseOf<Part>(part: Part, leave: () => Promise<void>): Lease<Part> {
  let left: Promise<void> | undefined
  const release = async (): Promise<void> => await (left ??= leave())
  return { part, release, [Symbol.asyncDispose]: release }
}
