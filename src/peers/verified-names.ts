/**
 * The host names of clients: a name counts when it leads back to the address. Whoever answered once
 * is not asked again for a while, so that a client with many connections costs one question, and
 * its next greeting does not wait.
 */
import { Resolver } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import { canonicalDomain } from '../smtp/domain.ts'

export interface NameResolver {
  readonly reverse: (address: string) => Promise<string[]>
  readonly resolve4: (name: string) => Promise<string[]>
  readonly resolve6: (name: string) => Promise<string[]>
}

export interface VerifiedNamesOptions {
  readonly resolver?: NameResolver
  /** ms since the epoch. */
  readonly now: () => number
}

/** A client waits no longer than this for its greeting, in ms. */
const limitMs = 3000
/** Then the question itself is given up too; the second try waits twice as long. */
const patience = { timeout: limitMs / 3, tries: 2 }
/** How long a name is believed, and how long it is believed that there is none, in ms. */
const keptMs = 300_000
const keptWithoutMs = 60_000
/** Of the names of one address, as many are tried. */
const mostNames = 5
/** Addresses that are remembered, at most. */
const mostAddresses = 20_000

interface Known {
  readonly name: string | undefined
  readonly until: number
}

function systemResolver(): NameResolver {
  const dns = new Resolver(patience)
  return {
    reverse: async (address) => await dns.reverse(address),
    resolve4: async (name) => await dns.resolve4(name),
    resolve6: async (name) => await dns.resolve6(name),
  }
}

export class VerifiedNames {
  readonly #resolver: NameResolver
  readonly #now: () => number
  readonly #known = new Map<string, Known>()
  readonly #asked = new Map<string, Promise<string | undefined>>()

  constructor({ resolver = systemResolver(), now }: VerifiedNamesOptions) {
    this.#resolver = resolver
    this.#now = now
  }

  /**
   * The name of an address, at once where it is known; undefined when there is none or nobody
   * answers in time.
   */
  nameOf(address: string): string | undefined | Promise<string | undefined> {
    if (address === '::1' || address.startsWith('127.')) return 'localhost'
    const known = this.#known.get(address)
    if (known !== undefined && this.#holds(known)) return known.name
    const asked = this.#asked.get(address)
    if (asked !== undefined) return asked
    const asking = this.#ask(address)
    this.#asked.set(address, asking)
    return asking
  }

  /** Not longer than names are kept, when the clock was set back meanwhile. */
  #holds({ until }: Known): boolean {
    const left = until - this.#now()
    return left > 0 && left <= keptMs
  }

  async #ask(address: string): Promise<string | undefined> {
    const late = new AbortController()
    const without = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => {
      late.abort()
      without.resolve(undefined)
    }, limitMs)
    try {
      const name = await Promise.race([this.#lookUp(address, late.signal), without.promise])
      this.#remember(address, name)
      return name
    } finally {
      clearTimeout(timer)
      this.#asked.delete(address)
    }
  }

  /** Asks nothing more once nobody waits. */
  async #lookUp(address: string, late: AbortSignal): Promise<string | undefined> {
    const { reverse, resolve4, resolve6 } = this.#resolver
    const names = await reverse(address).catch((): string[] => [])
    for (const name of names.slice(0, mostNames)) {
      if (late.aborted) return undefined
      const back = await (isIPv6(address) ? resolve6(name) : resolve4(name)).catch(
        (): string[] => [],
      )
      if (back.includes(address)) return canonicalDomain(name) ?? name.toLowerCase()
    }
    return undefined
  }

  #remember(address: string, name: string | undefined): void {
    const [oldest] = this.#known.keys()
    if (this.#known.size >= mostAddresses && oldest !== undefined) this.#known.delete(oldest)
    this.#known.delete(address)
    this.#known.set(address, {
      name,
      until: this.#now() + (name === undefined ? keptWithoutMs : keptMs),
    })
  }
}
