/**
 * The endpoints that mail can go to, and how each is at the moment: what failed is left alone for a
 * growing time and asked in the background until it answers; names are resolved again and again.
 * Owns its timers. Connections are the pool's.
 */
import type { FactListener } from '../../facts.ts'
import type { Extensions } from '../../smtp/ehlo.ts'
import type { Reply } from '../../smtp/reply.ts'
import type { ServerView } from '../backend.ts'
import { Health, type HealthOptions, jitter } from './health.ts'
import { mergeExtensions } from './merge.ts'
import { fits, type Needs, refusalFor } from '../wire/needs.ts'
import { RelaySchedule } from './relay-schedule.ts'
import {
  isLiteral,
  literalEndpoint,
  type Resolved,
  resolveServer,
  type Resolver,
} from './resolve.ts'
import { type Neighbours, Room } from './room.ts'
import {
  orderWeighted,
  pickWeighted,
  type Endpoint,
  type Server,
  sharedWeights,
  type Weighted,
} from './route.ts'

export interface PlacesOptions extends HealthOptions {
  readonly servers: readonly Server[]
  readonly resolver: Resolver
  /** How often names are resolved again, in ms. */
  readonly resolveEveryMs: number
  /** A endpoint that nothing was heard of for this long is asked, in ms. */
  readonly askEveryMs: number
  /** The longest time between two questions whether an endpoint relays. */
  readonly askRelayAtMostMs: number
  /** Only endpoints that `ask` says `safe` of are used (rule 8). */
  readonly guarded: boolean
  /** Connects and says EHLO. Never rejects. */
  readonly ask: (candidate: EndpointState) => Promise<Asked>
  /** A endpoint is not used from now on: ejected, or no longer an address of its host. */
  readonly onLeave: (candidate: EndpointState) => void
  readonly neighbours: Neighbours
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
  /** From 0 to below 1. */
  readonly random: () => number
}

export type Asked =
  | { readonly extensions: Extensions; readonly safe: boolean }
  | { readonly full: true }
  | { readonly failed: string; readonly step: FailedStep; readonly relays?: true }
export type FailedStep = 'connect' | 'tls' | 'relay'

export interface Failure {
  readonly step: FailedStep
  /**
   * What the server said to the connection; absent when it said nothing that could be understood.
   */
  readonly reply?: Reply
}

/** A endpoint, and what is known of it. */
export interface EndpointState {
  readonly endpoint: Endpoint
  readonly health: Health
  readonly room: Room
  /** Its EHLO as it was last seen. */
  extensions: Extensions | undefined
  /** Asked whether it relays, it refused; forgotten when it is ejected. */
  safe: boolean
  readonly relay: RelaySchedule
  /** Would relay: not even tried when nothing else is left. */
  relays: boolean
  /** How often in a row it would not say whether it relays. */
  unsure: number
  /** How many other processes leave it alone. */
  awayElsewhere: number
  /** Something good was heard of it. */
  heardAt: number
  asking: Promise<void> | undefined
  timer: NodeJS.Timeout | undefined
}

/** What a borrower wants of an endpoint. */
export interface Wanted {
  readonly needs?: Needs | undefined
  /** Endpoints that were tried already. */
  readonly not?: ReadonlySet<EndpointState> | undefined
}

/** Longest wait for the other endpoints once one is known to be usable, in ms. */
const graceMs = 1000

export class Endpoints {
  readonly #options: PlacesOptions
  readonly #states = new Map<string, EndpointState>()
  /** The usable ones of the best priority, as chosen from at each message. */
  #best: readonly Weighted<EndpointState>[] = []
  #merged: Extensions = new Map()
  readonly #unresolved = new Map<string, string>()
  #resolving: NodeJS.Timeout | undefined
  /** Of each server with a name: until it was looked up. */
  #named: readonly Promise<void>[] = []
  #closed = false
  /** Until all names have been resolved for the first time. */
  resolved: Promise<void> | undefined

  constructor(options: PlacesOptions) {
    this.#options = options
    const { servers } = options
    for (const server of servers) if (isLiteral(server)) this.#add(literalEndpoint(server))
    this.#choose()
    if (servers.every(isLiteral)) return
    this.resolved = this.#resolve().finally(() => (this.resolved = undefined))
  }

  /**
   * What all usable endpoints of the best priority offer; what they last offered while there is
   * none.
   */
  get extensions(): Extensions {
    return this.#merged
  }

  all(): readonly EndpointState[] {
    return [...this.#states.values()]
  }

  /** How many connections to one of them are to be left to other processes. */
  owed(): number {
    return this.all().reduce((most, { room }) => Math.max(most, room.owed), 0)
  }

  /** Those of the first one's priority, usable if it is. */
  alike(order: readonly EndpointState[]): readonly EndpointState[] {
    const [first] = order
    if (first === undefined) return []
    const usable = this.isUsable(first)
    return order.filter(
      (one) => one.endpoint.rank === first.endpoint.rank && this.isUsable(one) === usable,
    )
  }

  /** Mail that could go somewhere does not wait for the names of other servers. */
  get anyUsable(): boolean {
    return this.all().some((candidate) => this.isUsable(candidate))
  }

  isUsable(candidate: EndpointState): boolean {
    return candidate.health.up && (candidate.safe || !this.#options.guarded)
  }

  /** One to use, in proportion to the weights. Undefined when none that fits is usable. */
  pick({ needs, not }: Wanted): EndpointState | undefined {
    const picked = pickWeighted(this.#best, this.#best.length > 1 ? this.#options.random() : 0)
    if (picked === undefined) return undefined
    const suits =
      needs === undefined ||
      picked.extensions === undefined ||
      fits(picked.extensions, needs) === 'well'
    return suits && not === undefined ? picked : this.order({ needs, not })[0]
  }

  /**
   * All that may be tried, best first: at the end those that are ejected, since trying beats
   * refusing.
   */
  order({ needs, not }: Wanted): EndpointState[] {
    const { random } = this.#options
    const all = [...this.#states.values()].filter((one) => !one.relays && not?.has(one) !== true)
    const ranks = [...Map.groupBy(all, ({ endpoint }) => endpoint.rank)].sort(([a], [b]) => a - b)
    const inOrder = ranks.flatMap(([, alike]) => orderWeighted(sharedWeights(alike), random))
    const fitting = inOrder.filter((candidate) => this.#fit(candidate, needs) !== 'not')
    const grade = (candidate: EndpointState): number =>
      (this.isUsable(candidate) ? 0 : 2) + (this.#fit(candidate, needs) === 'well' ? 0 : 1)
    const graded = fitting.sort((a, b) => grade(a) - grade(b))
    // A message that is too large for all of them: the server says so best itself.
    const tooLarge = graded.length === 0 && needs !== undefined && needs.sizeBytes > 0
    return tooLarge ? this.order({ needs: { ...needs, sizeBytes: 0 }, not }) : graded
  }

  #fit({ extensions }: EndpointState, needs: Needs | undefined): ReturnType<typeof fits> {
    return needs === undefined || extensions === undefined ? 'well' : fits(extensions, needs)
  }

  /**
   * What a client hears when no endpoint was of use for its message; undefined when its message is
   * not the reason.
   */
  refusal(needs: Needs | undefined): Reply | undefined {
    if (needs === undefined) return undefined
    const all = [...this.#states.values()]
    const known = all.filter(
      (candidate) => this.isUsable(candidate) && candidate.extensions !== undefined,
    )
    if (known.length === 0 || known.some((candidate) => this.#fit(candidate, needs) !== 'not'))
      return undefined
    const lackedByAll = (keyword: string): boolean =>
      known.every(({ extensions }) => extensions?.has(keyword) !== true)
    return refusalFor(needs, lackedByAll, known.length < all.length || this.#unresolved.size > 0)
  }

  /** A connection was opened: it can be used, and this is what it offers. */
  opened(candidate: EndpointState, extensions: Extensions): void {
    const { now, onFact } = this.#options
    const at = now()
    candidate.heardAt = at
    const changed = candidate.extensions !== extensions
    candidate.extensions = extensions
    const { server, address } = candidate.endpoint
    if (candidate.health.answered(at)) {
      this.#tellAway(candidate, -1)
      onFact({ kind: 'backendReturned', at, server: server.url, address })
    }
    if (changed) this.#choose()
    this.#askLater(candidate, this.#options.askEveryMs)
  }

  /** A connection could not be opened: it is left alone for a while. */
  failed(candidate: EndpointState, step: FailedStep, why: string): void {
    const { now, onFact, onLeave } = this.#options
    const at = now()
    const { server, address } = candidate.endpoint
    onFact({ kind: 'backendFailed', at, server: server.url, step, why, quiet: true })
    const wasUp = candidate.health.up
    const forMs = candidate.health.failed(why, at)
    if (wasUp) this.#tellAway(candidate, 1)
    candidate.safe = false
    candidate.relay.forget()
    this.#askLater(candidate, this.#apart(candidate, forMs))
    if (!wasUp) return
    onFact({ kind: 'backendEjected', at, server: server.url, address, why, forMs })
    this.#choose()
    onLeave(candidate)
  }

  /**
   * It turned a connection away and answers on others: it is full, and used as far as it has room.
   */
  full(candidate: EndpointState, why: string): void {
    const { now, onFact } = this.#options
    const { server, address } = candidate.endpoint
    const connections = candidate.room.limit
    onFact({ kind: 'backendFull', at: now(), server: server.url, address, connections, why })
    this.#answers(candidate)
  }

  /**
   * It is there, though nobody could ask it anew. What was never seen of it is not known by that.
   */
  #answers(candidate: EndpointState): void {
    const { extensions, safe } = candidate
    if (extensions !== undefined && (safe || !this.#options.guarded))
      this.opened(candidate, extensions)
    else this.#askLater(candidate, this.#options.ejectMs)
  }

  /**
   * Something went wrong on a connection that was open: it is asked whether it can still be used.
   */
  recheck(candidate: EndpointState): void {
    if (this.#closed || !candidate.health.up) return
    candidate.heardAt = -Infinity
    candidate.relay.doubt()
    this.#askLater(candidate, 0)
  }

  /** Asks now; together with whoever asks already. */
  async ask(candidate: EndpointState): Promise<void> {
    candidate.asking ??= this.#ask(candidate).finally(() => (candidate.asking = undefined))
    await candidate.asking
  }

  async #ask(candidate: EndpointState): Promise<void> {
    const asked = await this.#options.ask(candidate)
    if (this.#closed || !this.#states.has(candidate.endpoint.key)) return
    if ('full' in asked) {
      this.#answers(candidate)
      return
    }
    candidate.relays = 'failed' in asked && asked.relays === true
    if ('failed' in asked) {
      this.failed(candidate, asked.step, asked.failed)
      return
    }
    const changed = candidate.safe !== asked.safe
    candidate.safe = asked.safe
    this.opened(candidate, asked.extensions)
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
        unasked.map(async (candidate) => {
          asked.add(candidate)
          if (!this.#isKnown(candidate)) await this.ask(candidate)
          if (this.#isKnown(candidate))
            grace ??= setTimeout(() => usable.resolve(undefined), graceMs)
        }),
      )
    }
    const later = this.#named.map(async (known) => await known.then(askKnown))
    await Promise.race([Promise.all([askKnown(), ...later]), usable.promise])
    clearTimeout(grace)
  }

  #isKnown(candidate: EndpointState): boolean {
    return this.isUsable(candidate) && candidate.extensions !== undefined
  }

  #tellAway({ endpoint }: EndpointState, change: 1 | -1): void {
    this.#options.neighbours.change(`backend away ${endpoint.key}`, change)
  }

  #awayElsewhere({ endpoint }: EndpointState): number {
    return this.#options.neighbours.elsewhere(`backend away ${endpoint.key}`)
  }

  /** Until it is asked again. Where several processes ask, each asks so much the less. */
  #apart(candidate: EndpointState, ms: number): number {
    return ms * (1 - jitter * this.#options.random()) * (1 + this.#awayElsewhere(candidate))
  }

  /**
   * Other processes have found out that an endpoint fails, or that it answers again: so it is asked
   * from here, too.
   */
  heedNeighbours(): void {
    for (const candidate of this.#states.values()) {
      const before = candidate.awayElsewhere
      candidate.awayElsewhere = this.#awayElsewhere(candidate)
      if (candidate.awayElsewhere > before) this.recheck(candidate)
      if (candidate.awayElsewhere < before && !candidate.health.up) this.#askLater(candidate, 0)
    }
  }

  #askLater(candidate: EndpointState, ms: number): void {
    clearTimeout(candidate.timer)
    if (this.#closed) return
    candidate.timer = setTimeout(() => {
      const { now, askEveryMs, guarded } = this.#options
      const at = now()
      const quietFor = at - candidate.heardAt
      const settled = this.isUsable(candidate) && !(guarded && candidate.relay.due(at))
      if (settled && quietFor < askEveryMs) this.#askLater(candidate, askEveryMs - quietFor)
      else void this.ask(candidate)
    }, ms)
  }

  /** Works out what is chosen from, and what is offered. */
  #choose(): void {
    const usable = [...this.#states.values()].filter((candidate) => this.isUsable(candidate))
    const rank = Math.min(...usable.map(({ endpoint }) => endpoint.rank))
    const best = usable.filter(({ endpoint }) => endpoint.rank === rank)
    this.#best = sharedWeights(best)
    const seen = best
      .map(({ extensions }) => extensions)
      .filter((extensions) => extensions !== undefined)
    if (seen.length > 0) this.#merged = mergeExtensions(seen)
  }

  #add(endpoint: Endpoint): EndpointState {
    const { ejectMs, ejectAtMostMs, neighbours } = this.#options
    const candidate: EndpointState = {
      endpoint,
      health: new Health(this.#options),
      room: new Room(
        endpoint.key,
        { moreAfterMs: ejectMs, moreAfterAtMostMs: ejectAtMostMs },
        neighbours,
      ),
      extensions: undefined,
      safe: false,
      relay: new RelaySchedule(this.#options),
      relays: false,
      unsure: 0,
      awayElsewhere: 0,
      heardAt: -Infinity,
      asking: undefined,
      timer: undefined,
    }
    this.#states.set(endpoint.key, candidate)
    return candidate
  }

  /**
   * All at the same time: a name server that is silent about one of them does not hold up the
   * others.
   */
  async #resolve(): Promise<void> {
    const { servers, resolver, resolveEveryMs } = this.#options
    const first = this.resolved === undefined && this.#resolving === undefined
    const named = servers.filter((one) => !isLiteral(one))
    this.#named = named.map(async (server) => {
      const found = await resolveServer(server, resolver)
      if (!this.#closed) this.#take(server, found, first)
    })
    await Promise.all(this.#named)
    if (this.#closed) return
    this.#resolving = setTimeout(() => void this.#resolve(), resolveEveryMs)
  }

  /** A host whose look-up fails keeps the addresses that it had. */
  #take(server: Server, { endpoints, failed }: Resolved, first: boolean): void {
    const { onFact, now } = this.#options
    const quiet = this.#unresolved.delete(server.url) ? { quiet: true as const } : {}
    for (const { why } of failed) {
      this.#unresolved.set(server.url, why)
      onFact({
        kind: 'backendFailed',
        at: now(),
        server: server.url,
        step: 'resolve',
        why,
        ...quiet,
      })
    }
    this.#replace(server, endpoints, (host) =>
      failed.some((one) => one.host === host || one.host === server.host),
    )
    for (const endpoint of endpoints) {
      if (this.#states.has(endpoint.key)) continue
      const added = this.#add(endpoint)
      if (!first) this.#askLater(added, 0)
    }
    this.#choose()
  }

  #replace(server: Server, endpoints: readonly Endpoint[], keeps: (host: string) => boolean): void {
    const now = new Set(endpoints.map(({ key }) => key))
    for (const [key, candidate] of this.#states) {
      if (candidate.endpoint.server !== server || now.has(key) || keeps(candidate.endpoint.host))
        continue
      this.#forget(candidate)
      this.#states.delete(key)
      this.#options.onLeave(candidate)
    }
  }

  /** Why nothing can be used; undefined when something can. */
  trouble(): string | undefined {
    const all = [...this.#states.values()]
    if (all.some((one) => this.#isKnown(one))) return undefined
    const [first] = all
    if (first !== undefined && all.every(({ relays }) => relays)) return first.health.why
    const said = all.map(
      ({ endpoint, health }) => `${endpoint.server.url}: ${health.why ?? 'not asked yet'}`,
    )
    const unresolved = [...this.#unresolved].map(([server, why]) => `${server}: ${why}`)
    return [...said, ...unresolved].join('; ') || 'not asked yet'
  }

  /** Every server at least once. */
  view(): ServerView[] {
    const all = [...this.#states.values()].map((candidate): ServerView => {
      const { endpoint, health, extensions } = candidate
      const { server, address, port } = endpoint
      return {
        server: server.url,
        address:
          server.socketPath ??
          (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`),
        priority: server.priority ?? 0,
        usable: this.isUsable(candidate) && extensions !== undefined,
        extensions: extensions ?? new Map(),
        ...(candidate.relays && { relays: true as const }),
        ...(health.why !== undefined && { trouble: health.why }),
      }
    })
    const missing = this.#options.servers.filter(
      ({ url }) => !all.some(({ server }) => server === url),
    )
    return [
      ...all,
      ...missing.map(({ url, priority = 0 }) => ({
        server: url,
        address: '',
        priority,
        usable: false,
        extensions: new Map<string, string>(),
        trouble: this.#unresolved.get(url) ?? 'not resolved yet',
      })),
    ]
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#resolving)
    for (const candidate of this.#states.values()) this.#forget(candidate)
  }

  #forget(candidate: EndpointState): void {
    clearTimeout(candidate.timer)
    if (!candidate.health.up) this.#tellAway(candidate, -1)
  }
}
