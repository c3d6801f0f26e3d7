/**
 * What one client, its network and its class may take of the product: sessions at a time, and rates
 * over all of its sessions. A limit that is reached is answered 4yz and never 5yz: who sends too
 * much now may send later.
 *
 * As in Postfix's anvil(8) rates belong to the client's address, because a network is shared by
 * strangers; for IPv6 that is the /64, of which one host has all. Peers in `trusted` are counted in
 * `limits.sessions` only.
 */
import type { LimitName } from '../facts/sessions.ts'
import type { Allowance, RatedThing } from '../session/allowance.ts'
import { ClientRates, limitOf, type Rated, type Rates } from './client-rates.ts'
import { networkOf } from '../peers/network.ts'
import { alone, type SharedCounts } from './shared-limits.ts'

export interface LimitsOfClients {
  readonly sessions: number
  readonly sessionsPerAddress: number
  readonly sessionsPerNetwork: number
  readonly rates: Rates
}

/** What a peer class has in place of the general limits; `sessions` is for the class as a whole. */
export interface LimitsOfClass {
  readonly sessions?: number | undefined
  readonly sessionsPerAddress?: number | undefined
  readonly sessionsPerNetwork?: number | undefined
  readonly rates: Rates
}

export interface LimitedClient {
  readonly address: string
  readonly rdns?: string
}

export interface ClassOfClient {
  readonly peer: string
  readonly trusted: boolean
}

export interface ClientLimitsOptions {
  readonly limits: LimitsOfClients
  readonly classes: ReadonlyMap<string, LimitsOfClass>
  readonly classOf: (client: LimitedClient) => ClassOfClient
  /** ms since the epoch. */
  readonly now: () => number
}

/** A client that was let in. Its owner ends it, once. */
export interface Admission extends Allowance {
  /**
   * Its name is known now, and may put it into another class; the limit that this one has reached,
   * if it has.
   */
  named(rdns: string): LimitName | undefined
  end(): void
}

/** Sessions by what they are counted under; nothing is kept of a key without sessions. */
class Counts {
  readonly #counts = new Map<string, number>()
  readonly #what: string
  readonly #shared: SharedCounts

  constructor(what: string, shared: SharedCounts) {
    this.#what = what
    this.#shared = shared
  }

  of(key: string): number {
    return (this.#counts.get(key) ?? 0) + this.#shared.elsewhere(this.#what + key)
  }
  add(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    this.#shared.change(this.#what + key, 1)
  }
  remove(key: string): void {
    const left = (this.#counts.get(key) ?? 1) - 1
    if (left > 0) this.#counts.set(key, left)
    else this.#counts.delete(key)
    this.#shared.change(this.#what + key, -1)
  }
}

/** The key that all sessions are shared under. */
export const allSessions = 'sessions'

/** Shared by all listeners of a process. */
export class ClientLimits {
  #options: ClientLimitsOptions
  #sessions = 0
  readonly #shared: SharedCounts
  readonly #byAddress: Counts
  readonly #byNetwork: Counts
  readonly #byClass: Counts
  readonly #rates: ClientRates

  /** `shared`: with other processes. */
  constructor(options: ClientLimitsOptions, shared = alone) {
    this.#options = options
    this.#shared = shared.counts
    this.#byAddress = new Counts('address ', shared.counts)
    this.#byNetwork = new Counts('network ', shared.counts)
    this.#byClass = new Counts('class ', shared.counts)
    this.#rates = new ClientRates(ratesOf(options), () => this.#options.now(), shared.rates)
  }

  /** For clients that come from now on; who is there counts on. */
  use(options: ClientLimitsOptions): void {
    this.#options = options
    this.#rates.use(ratesOf(options))
  }

  /** Sessions that were let in here and have not ended. */
  get sessions(): number {
    return this.#sessions
  }

  /** No more sessions at all, with `others` that are not counted yet. */
  full(others = 0): boolean {
    return (
      this.#sessions + others + this.#shared.elsewhere(allSessions) >= this.#options.limits.sessions
    )
  }

  /** Lets a client in, or names the limit that it has reached. */
  admit(client: LimitedClient): Admission | LimitName {
    if (this.full()) return 'sessions'
    const { address } = client
    const { peer, trusted } = this.#options.classOf(client)
    const network = networkOf(address)
    if (!trusted) {
      const reached = this.#reached(peer, address, network)
      if (reached !== undefined) return reached
    }
    this.#sessions++
    this.#shared.change(allSessions, 1)
    this.#byAddress.add(address)
    this.#byNetwork.add(network)
    this.#byClass.add(peer)
    return new Admitted({ limits: this, address, network, peer, trusted })
  }

  #reached(peer: string, address: string, network: string): LimitName | undefined {
    const { limits, classes } = this.#options
    const own = classes.get(peer)
    if (this.#byClass.of(peer) >= (own?.sessions ?? Infinity)) return 'sessions_of_class'
    if (this.#byAddress.of(address) >= (own?.sessionsPerAddress ?? limits.sessionsPerAddress))
      return 'sessions_per_address'
    if (this.#byNetwork.of(network) >= (own?.sessionsPerNetwork ?? limits.sessionsPerNetwork))
      return 'sessions_per_network'
    if (!this.#rates.has('errors', peer, address)) return 'errors_per_minute'
    return this.takes('connections', peer, address) ? undefined : 'connections_per_minute'
  }

  takes(rated: Rated, peer: string, address: string): boolean {
    return this.#rates.takes(rated, peer, address)
  }

  /** Moves a session to another class. */
  move(from: string, to: string, trusted: boolean): LimitName | undefined {
    const full = this.#byClass.of(to) >= (this.#options.classes.get(to)?.sessions ?? Infinity)
    if (full && !trusted) return 'sessions_of_class'
    this.#byClass.remove(from)
    this.#byClass.add(to)
    return undefined
  }

  classOf(client: LimitedClient): ClassOfClient {
    return this.#options.classOf(client)
  }

  remove(address: string, network: string, peer: string): void {
    this.#sessions--
    this.#shared.change(allSessions, -1)
    this.#byAddress.remove(address)
    this.#byNetwork.remove(network)
    this.#byClass.remove(peer)
  }
}

const ratesOf = ({ limits, classes }: ClientLimitsOptions) => ({ rates: limits.rates, classes })

interface AdmittedClient {
  readonly limits: ClientLimits
  readonly address: string
  readonly network: string
  readonly peer: string
  readonly trusted: boolean
}

/** One of these a session, so it is a class: no closures of its own. */
class Admitted implements Admission {
  readonly #client: AdmittedClient
  #peer: string
  #ended = false

  constructor(client: AdmittedClient) {
    this.#client = client
    this.#peer = client.peer
  }

  named(rdns: string): LimitName | undefined {
    const { limits, address } = this.#client
    const { peer, trusted } = limits.classOf({ address, rdns })
    if (peer === this.#peer) return undefined
    const reached = limits.move(this.#peer, peer, trusted)
    if (reached === undefined) this.#peer = peer
    return reached
  }

  takes(thing: RatedThing): LimitName | undefined {
    const { limits, address, trusted } = this.#client
    return trusted || limits.takes(thing, this.#peer, address) ? undefined : limitOf(thing)
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    const { limits, address, network } = this.#client
    limits.remove(address, network, this.#peer)
  }
}
