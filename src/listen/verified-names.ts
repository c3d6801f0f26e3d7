/**
 * The host names of clients: a name counts when it leads back to the address. Whoever answered once is not asked again for a while, so
 * that a client with many connections costs one question, and its next greeting does not wait.
 */
import { resolve4, resolve6, reverse } from 'node:dns/promises'
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

export class VerifiedNames {
  readonly #resolver: NameResolver
  readonly #now: () => number
  readonly #known = new Map<string, Known>()
  readonly #asked = new Map<string, Promise<string | undefined>>()

  constructor({ resolver = { reverse, resolve4, resolve6 }, now }: VerifiedNamesOptions) {
    this.#resolver = resolver
    this.#now = now
  }

  /** The name of an address, at once where it is known; undefined when there is none or nobody answers in time. */
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
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), limitMs)
    })
    try {
      const name = await Promise.race([this.#lookUp(address), late])
      this.#remember(address, name)
      return name
    } finally {
      clearTimeout(timer)
      this.#asked.delete(address)
    }
  }

  async #lookUp(address: string): Promise<string | undefined> {
    const { reverse, resolve4, resolve6 } = this.#resolver
    const names = await reverse(address).catch((): string[] => [])
    for (const name of names.slice(0, mostNames)) {
      const back = await (isIPv6(address) ? resolve6(name) : resolve4(name)).catch((): string[] => [])
      if (back.includes(address)) return canonicalDomain(name) ?? name.toLowerCase()
    }
    return undefined
  }

  #remember(address: string, name: string | undefined): void {
    const [oldest] = this.#known.keys()
    if (this.#known.size >= mostAddresses && oldest !== undefined) this.#known.delete(oldest)
    this.#known.delete(address)
    this.#known.set(address, { name, until: this.#now() + (name === undefined ? keptWithoutMs : keptMs) })
  }
}
