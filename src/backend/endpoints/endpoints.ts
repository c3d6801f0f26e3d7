/**
 * The endpoints that mail can go to, and how each is at the moment: what failed is left alone for a
 * growing time and asked in the background until it answers. Owns the timers of that. Opens no
 * connection: those are the pool's. Which endpoint is chosen is for choose.ts.
 */
import type { FactListener } from '../../facts/fact.ts'
import type { Extensions } from '../../smtp/ehlo.ts'
import type { Reply } from '../../smtp/reply.ts'
import type { ServerView } from '../backend.ts'
import { isFailed } from '../wire/command-reply.ts'
import type { Needs } from '../wire/needs.ts'
import type { EndpointAnswer } from './ask.ts'
import { bestOf, inOrder, pickSuitable, refusalOf, type Wanted } from './choose.ts'
import type { EndpointFailure } from './connect.ts'
import { troubleOf, viewOf } from './describe.ts'
import { EndpointState, type EndpointStateOptions } from './endpoint-state.ts'
import { jitter } from './health.ts'
import { mergeExtensions } from './merge.ts'
import { type FoundEndpoints, NameLookUps } from './name-look-ups.ts'
import { isLiteral, literalEndpoint, type Resolver } from './resolve.ts'
import type { Endpoint, Server, Weighted } from './route.ts'

export interface EndpointsOptions extends EndpointStateOptions {
  readonly servers: readonly Server[]
  readonly resolver: Resolver
  /** How often names are resolved again, in ms. */
  readonly resolveEveryMs: number
  /** Connects and says EHLO. Never rejects. */
  readonly ask: (endpoint: EndpointState) => Promise<Asked>
  /** An endpoint is not used from now on: ejected, or no longer an address of its host. */
  readonly onLeave: (endpoint: EndpointState) => void
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
  /** From 0 to below 1. */
  readonly random: () => number
}

/** `full`: it answers, and had no room for the connection to ask it on. */
export type Asked = EndpointAnswer | EndpointFailure | { readonly full: true }

/** Longest wait for the other endpoints once one is known to be usable, in ms. */
const graceMs = 1000

export class Endpoints {
  readonly #options: EndpointsOptions
  readonly #states = new Map<string, EndpointState>()
  readonly #lookUps: NameLookUps
  /** The usable ones of the best priority, as chosen from at each message. */
  #best: readonly Weighted<EndpointState>[] = []
  #merged: Extensions = new Map()
  #closed = false

  constructor(options: EndpointsOptions) {
    this.#options = options
    for (const server of options.servers) if (isLiteral(server)) this.#add(literalEndpoint(server))
    this.#choose()
    this.#lookUps = new NameLookUps({ ...options, onFound: (found) => this.#take(found) })
  }

  /**
   * What all usable endpoints of the best priority offer; what they last offered while there is
   * none.
   */
  get extensions(): Extensions {
    return this.#merged
  }

  /** Until all names have been resolved for the first time. */
  get resolved(): Promise<void> | undefined {
    return this.#lookUps.resolved
  }

  all(): readonly EndpointState[] {
    return [...this.#states.values()]
  }

  /** How many connections to one of them are to be left to other processes. */
  owed(): number {
    return this.all().reduce((most, { room }) => Math.max(most, room.owed), 0)
  }

  /** Mail that could go somewhere does not wait for the names of other servers. */
  get anyUsable(): boolean {
    return this.all().some(({ usable }) => usable)
  }

  /** One to use, in proportion to the weights. Undefined when none that fits is usable. */
  pick(wanted: Wanted): EndpointState | undefined {
    if (this.#best.length === 0) return undefined
    return pickSuitable(this.#best, wanted, this.#options.random) ?? this.order(wanted)[0]
  }

  /** All that may be tried, best first. */
  order(wanted: Wanted): EndpointState[] {
    return inOrder(this.all(), wanted, this.#options.random)
  }

  /** What a client hears when no endpoint was of use for its message. */
  refusal(needs: Needs | undefined): Reply | undefined {
    return refusalOf(this.all(), needs, this.#lookUps.unresolved.size > 0)
  }

  /** A connection was opened: it can be used, and this is what it offers. */
  opened(endpoint: EndpointState, extensions: Extensions): void {
    const { now, onFact, askEveryMs } = this.#options
    const at = now()
    endpoint.heardAt = at
    const changed = endpoint.extensions !== extensions
    endpoint.extensions = extensions
    const { server, address } = endpoint
    if (endpoint.health.answered(at)) {
      this.#tellAway(endpoint, -1)
      onFact({ kind: 'backendReturned', at, server: server.url, address })
    }
    if (changed) this.#choose()
    this.#askLater(endpoint, askEveryMs)
  }

  /** A connection could not be opened: it is left alone for a while. */
  failed(endpoint: EndpointState, { step, failed: why }: EndpointFailure): void {
    const { now, onFact, onLeave } = this.#options
    const at = now()
    const { server, address, health } = endpoint
    onFact({ kind: 'backendFailed', at, server: server.url, step, why, quiet: true })
    const wasUp = health.up
    const forMs = health.failed(why, at)
    if (wasUp) this.#tellAway(endpoint, 1)
    endpoint.safe = false
    endpoint.relay.forget()
    this.#askLater(endpoint, this.#apart(endpoint, forMs))
    if (!wasUp) return
    onFact({ kind: 'backendEjected', at, server: server.url, address, why, forMs })
    this.#choose()
    onLeave(endpoint)
  }

  /**
   * It turned a connection away and answers on others: it is full, and used as far as it has room.
   */
  full(endpoint: EndpointState, why: string): void {
    const { now, onFact } = this.#options
    const { server, address } = endpoint
    const connections = endpoint.room.limit
    onFact({ kind: 'backendFull', at: now(), server: server.url, address, connections, why })
    this.#answers(endpoint)
  }

  /**
   * It is there, though nobody could ask it anew. What was never seen of it is not known by that.
   */
  #answers(endpoint: EndpointState): void {
    const { extensions, safe } = endpoint
    const { guarded, ejectMs } = this.#options
    if (extensions !== undefined && (safe || !guarded)) this.opened(endpoint, extensions)
    else this.#askLater(endpoint, ejectMs)
  }

  /**
   * Something went wrong on a connection that was open: it is asked whether it can still be used.
   */
  recheck(endpoint: EndpointState): void {
    if (this.#closed || !endpoint.health.up) return
    endpoint.heardAt = -Infinity
    endpoint.relay.doubt()
    this.#askLater(endpoint, 0)
  }

  /** Asks now; together with whoever asks already. */
  async ask(endpoint: EndpointState): Promise<void> {
    endpoint.asking ??= this.#ask(endpoint).finally(() => (endpoint.asking = undefined))
    await endpoint.asking
  }

  async #ask(endpoint: EndpointState): Promise<void> {
    const asked = await this.#options.ask(endpoint)
    if (this.#closed || !this.#states.has(endpoint.key)) return
    if ('full' in asked) {
      this.#answers(endpoint)
      return
    }
    endpoint.relays = isFailed(asked) && asked.relays === true
    if (isFailed(asked)) {
      this.failed(endpoint, asked)
      return
    }
    const changed = endpoint.safe !== asked.safe
    endpoint.safe = asked.safe
    this.opened(endpoint, asked.extensions)
    if (changed) this.#choose()
  }

  /**
   * Asks all that are not known to be usable, and waits until it is clear what can be used. Those
   * whose names are still being looked up are asked when they are known; nobody waits for them
   * longer than for a server that does not answer.
   */
  async askAll(): Promise<void> {
    const usable = Promise.withResolvers<undefined>()
    let grace: NodeJS.Timeout | undefined
    const asked = new Set<EndpointState>()
    const askKnown = async (): Promise<void> => {
      const unasked = this.all().filter((one) => !asked.has(one))
      await Promise.all(
        unasked.map(async (endpoint) => {
          asked.add(endpoint)
          if (!endpoint.known) await this.ask(endpoint)
          if (endpoint.known) grace ??= setTimeout(() => usable.resolve(undefined), graceMs)
        }),
      )
    }
    const later = this.#lookUps.underWay.map(async (found) => await found.then(askKnown))
    await Promise.race([Promise.all([askKnown(), ...later]), usable.promise])
    clearTimeout(grace)
  }

  #tellAway({ key }: EndpointState, change: 1 | -1): void {
    this.#options.neighbours.change(`backend away ${key}`, change)
  }

  #awayElsewhere({ key }: EndpointState): number {
    return this.#options.neighbours.elsewhere(`backend away ${key}`)
  }

  /** Until it is asked again. Where several processes ask, each asks so much the less. */
  #apart(endpoint: EndpointState, ms: number): number {
    return ms * (1 - jitter * this.#options.random()) * (1 + this.#awayElsewhere(endpoint))
  }

  /**
   * Other processes have found out that an endpoint fails, or that it answers again: so it is asked
   * from here, too.
   */
  heedNeighbours(): void {
    for (const endpoint of this.#states.values()) {
      const before = endpoint.awayElsewhere
      endpoint.awayElsewhere = this.#awayElsewhere(endpoint)
      if (endpoint.awayElsewhere > before) this.recheck(endpoint)
      if (endpoint.awayElsewhere < before && !endpoint.health.up) this.#askLater(endpoint, 0)
    }
  }

  #askLater(endpoint: EndpointState, ms: number): void {
    clearTimeout(endpoint.timer)
    if (this.#closed) return
    endpoint.timer = setTimeout(() => {
      const { now, askEveryMs, guarded } = this.#options
      const at = now()
      const quietFor = at - endpoint.heardAt
      const settled = endpoint.usable && !(guarded && endpoint.relay.due(at))
      if (settled && quietFor < askEveryMs) this.#askLater(endpoint, askEveryMs - quietFor)
      else void this.ask(endpoint)
    }, ms)
  }

  /** Works out what is chosen from, and what is offered. */
  #choose(): void {
    this.#best = bestOf(this.all())
    const seen = this.#best.flatMap(({ value }) => value.extensions ?? [])
    if (seen.length > 0) this.#merged = mergeExtensions(seen)
  }

  #add(endpoint: Endpoint): EndpointState {
    const added = new EndpointState(endpoint, this.#options)
    this.#states.set(endpoint.key, added)
    return added
  }

  #take({ server, endpoints, keeps, first }: FoundEndpoints): void {
    const found = new Set(endpoints.map(({ key }) => key))
    for (const [key, known] of this.#states) {
      if (known.server !== server || found.has(key) || keeps(known.host)) continue
      this.#forget(known)
      this.#states.delete(key)
      this.#options.onLeave(known)
    }
    for (const endpoint of endpoints) {
      if (this.#states.has(endpoint.key)) continue
      const added = this.#add(endpoint)
      if (!first) this.#askLater(added, 0)
    }
    this.#choose()
  }

  /** Why nothing can be used; undefined when something can. */
  trouble(): string | undefined {
    return troubleOf(this.all(), this.#lookUps.unresolved)
  }

  /** Every server at least once. */
  view(): ServerView[] {
    return viewOf(this.#options.servers, this.all(), this.#lookUps.unresolved)
  }

  close(): void {
    this.#closed = true
    this.#lookUps.close()
    for (const endpoint of this.#states.values()) this.#forget(endpoint)
  }

  #forget(endpoint: EndpointState): void {
    clearTimeout(endpoint.timer)
    if (!endpoint.health.up) this.#tellAway(endpoint, -1)
  }
}
