/**
 * The places that mail can go to, and how each is at the moment: what failed is left alone for a growing time and asked in the
 * background until it answers; names are resolved again and again. Owns its timers. Connections are the pool's.
 */
import type { FactListener } from '../facts.ts'
import type { Extensions } from '../smtp/ehlo.ts'
import type { Reply } from '../smtp/reply.ts'
import type { ServerView } from './backend.ts'
import { Health, type HealthOptions, jitter } from './health.ts'
import { mergeExtensions } from './merge.ts'
import { fits, type Needs, refusalFor } from './needs.ts'
import { RelaySchedule } from './relay-schedule.ts'
import { isLiteral, literalPlace, type Resolved, resolveServer, type Resolver } from './resolve.ts'
import { type Neighbours, Room } from './room.ts'
import { orderWeighted, pickWeighted, type Place, type Server, sharedWeights, type Weighted } from './route.ts'

export interface PlacesOptions extends HealthOptions {
  readonly servers: readonly Server[]
  readonly resolver: Resolver
  /** How often names are resolved again, in ms. */
  readonly resolveEveryMs: number
  /** A place that nothing was heard of for this long is asked, in ms. */
  readonly askEveryMs: number
  /** The longest time between two questions whether a place relays. */
  readonly askRelayAtMostMs: number
  /** Only places that `ask` says `safe` of are used (rule 8). */
  readonly guarded: boolean
  /** Connects and says EHLO. Never rejects. */
  readonly ask: (candidate: Candidate) => Promise<Asked>
  /** A place is not used from now on: ejected, or no longer an address of its host. */
  readonly onLeave: (candidate: Candidate) => void
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
  /** What the server said to the connection; absent when it said nothing that could be understood. */
  readonly reply?: Reply
}

/** A place, and what is known of it. */
export interface Candidate {
  readonly place: Place
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

/** What a borrower wants of a place. */
export interface Wanted {
  readonly needs?: Needs | undefined
  /** Places that were tried already. */
  readonly not?: ReadonlySet<Candidate> | undefined
}

/** Longest wait for the other places once one is known to be usable, in ms. */
const graceMs = 1000

export class Places {
  readonly #options: PlacesOptions
  readonly #candidates = new Map<string, Candidate>()
  /** The usable ones of the best priority, as chosen from at each message. */
  #best: readonly Weighted<Candidate>[] = []
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
    for (const server of servers) if (isLiteral(server)) this.#add(literalPlace(server))
    this.#choose()
    if (servers.every(isLiteral)) return
    this.resolved = this.#resolve().finally(() => (this.resolved = undefined))
  }

  /** What all usable places of the best priority offer; what they last offered while there is none. */
  get extensions(): Extensions {
    return this.#merged
  }

  all(): readonly Candidate[] {
    return [...this.#candidates.values()]
  }

  /** How many connections to one of them are to be left to other processes. */
  owed(): number {
    return this.all().reduce((most, { room }) => Math.max(most, room.owed), 0)
  }

  /** Those of the first one's priority, usable if it is. */
  alike(order: readonly Candidate[]): readonly Candidate[] {
    const [first] = order
    if (first === undefined) return []
    const usable = this.isUsable(first)
    return order.filter((one) => one.place.rank === first.place.rank && this.isUsable(one) === usable)
  }

  /** Mail that could go somewhere does not wait for the names of other servers. */
  get anyUsable(): boolean {
    return this.all().some((candidate) => this.isUsable(candidate))
  }

  isUsable(candidate: Candidate): boolean {
    return candidate.health.up && (candidate.safe || !this.#options.guarded)
  }

  /** One to use, in proportion to the weights. Undefined when none that fits is usable. */
  pick({ needs, not }: Wanted): Candidate | undefined {
    const picked = pickWeighted(this.#best, this.#best.length > 1 ? this.#options.random() : 0)
    if (picked === undefined) return undefined
    const suits = needs === undefined || picked.extensions === undefined || fits(picked.extensions, needs) === 'well'
    return suits && not === undefined ? picked : this.order({ needs, not })[0]
  }

  /** All that may be tried, best first: at the end those that are ejected, since trying beats refusing. */
  order({ needs, not }: Wanted): Candidate[] {
    const { random } = this.#options
    const all = [...this.#candidates.values()].filter((one) => !one.relays && not?.has(one) !== true)
    const ranks = [...Map.groupBy(all, ({ place }) => place.rank)].sort(([a], [b]) => a - b)
    const inOrder = ranks.flatMap(([, alike]) => orderWeighted(sharedWeights(alike), random))
    const fitting = inOrder.filter((candidate) => this.#fit(candidate, needs) !== 'not')
    const grade = (candidate: Candidate): number =>
      (this.isUsable(candidate) ? 0 : 2) + (this.#fit(candidate, needs) === 'well' ? 0 : 1)
    const graded = fitting.sort((a, b) => grade(a) - grade(b))
    // A message that is too large for all of them: the server says so best itself.
    const tooLarge = graded.length === 0 && needs !== undefined && needs.sizeBytes > 0
    return tooLarge ? this.order({ needs: { ...needs, sizeBytes: 0 }, not }) : graded
  }

  #fit({ extensions }: Candidate, needs: Needs | undefined): ReturnType<typeof fits> {
    return needs === undefined || extensions === undefined ? 'well' : fits(extensions, needs)
  }

  /** What a client hears when no place was of use for its message; undefined when its message is not the reason. */
  refusal(needs: Needs | undefined): Reply | undefined {
    if (needs === undefined) return undefined
    const all = [...this.#candidates.values()]
    const known = all.filter((candidate) => this.isUsable(candidate) && candidate.extensions !== undefined)
    if (known.length === 0 || known.some((candidate) => this.#fit(candidate, needs) !== 'not')) return undefined
    const lackedByAll = (keyword: string): boolean => known.every(({ extensions }) => extensions?.has(keyword) !== true)
    return refusalFor(needs, lackedByAll, known.length < all.length || this.#unresolved.size > 0)
  }

  /** A connection was opened: it can be used, and this is what it offers. */
  opened(candidate: Candidate, extensions: Extensions): void {
    const { now, onFact } = this.#options
    const at = now()
    candidate.heardAt = at
    const changed = candidate.extensions !== extensions
    candidate.extensions = extensions
    const { server, address } = candidate.place
    if (candidate.health.answered(at)) {
      this.#tellAway(candidate, -1)
      onFact({ kind: 'backendReturned', at, server: server.url, address })
    }
    if (changed) this.#choose()
    this.#askLater(candidate, this.#options.askEveryMs)
  }

  /** A connection could not be opened: it is left alone for a while. */
  failed(candidate: Candidate, step: FailedStep, why: string): void {
    const { now, onFact, onLeave } = this.#options
    const at = now()
    const { server, address } = candidate.place
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

  /** It turned a connection away and answers on others: it is full, and used as far as it has room. */
  full(candidate: Candidate, why: string): void {
    const { now, onFact } = this.#options
    const { server, address } = candidate.place
    const connections = candidate.room.limit
    onFact({ kind: 'backendFull', at: now(), server: server.url, address, connections, why })
    this.#answers(candidate)
  }

  /** It is there, though nobody could ask it anew. What was never seen of it is not known by that. */
  #answers(candidate: Candidate): void {
    const { extensions, safe } = candidate
    if (extensions !== undefined && (safe || !this.#options.guarded)) this.opened(candidate, extensions)
    else this.#askLater(candidate, this.#options.ejectMs)
  }

  /** Something went wrong on a connection that was open: it is asked whether it can still be used. */
  suspect(candidate: Candidate): void {
    if (this.#closed || !candidate.health.up) return
    candidate.heardAt = -Infinity
    candidate.relay.doubt()
    this.#askLater(candidate, 0)
  }

  /** Asks now; together with whoever asks already. */
  async ask(candidate: Candidate): Promise<void> {
    candidate.asking ??= this.#ask(candidate).finally(() => (candidate.asking = undefined))
    await candidate.asking
  }

  async #ask(candidate: Candidate): Promise<void> {
    const asked = await this.#options.ask(candidate)
    if (this.#closed || !this.#candidates.has(candidate.place.key)) return
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
   * Asks all that are not known to be usable, and waits until it is clear what can be used. Those whose names are still being looked up
   * are asked when they are known; nobody waits for them longer than for a server that does not answer.
   */
  async askAll(): Promise<void> {
    const usable = Promise.withResolvers<undefined>()
    let grace: NodeJS.Timeout | undefined
    const asked = new Set<Candidate>()
    const askKnown = async (): Promise<void> => {
      const unasked = this.all().filter((one) => !asked.has(one))
      await Promise.all(
        unasked.map(async (candidate) => {
          asked.add(candidate)
          if (!this.#isKnown(candidate)) await this.ask(candidate)
          if (this.#isKnown(candidate)) grace ??= setTimeout(() => usable.resolve(undefined), graceMs)
        }),
      )
    }
    const later = this.#named.map(async (known) => await known.then(askKnown))
    await Promise.race([Promise.all([askKnown(), ...later]), usable.promise])
    clearTimeout(grace)
  }

  #isKnown(candidate: Candidate): boolean {
    return this.isUsable(candidate) && candidate.extensions !== undefined
  }

  #tellAway({ place }: Candidate, change: 1 | -1): void {
    this.#options.neighbours.change(`backend away ${place.key}`, change)
  }

  #awayElsewhere({ place }: Candidate): number {
    return this.#options.neighbours.elsewhere(`backend away ${place.key}`)
  }

  /** Until it is asked again. Where several processes ask, each asks so much the less. */
  #apart(candidate: Candidate, ms: number): number {
    return ms * (1 - jitter * this.#options.random()) * (1 + this.#awayElsewhere(candidate))
  }

  /** Other processes have found out that a place fails, or that it answers again: so it is asked from here, too. */
  heedNeighbours(): void {
    for (const candidate of this.#candidates.values()) {
      const before = candidate.awayElsewhere
      candidate.awayElsewhere = this.#awayElsewhere(candidate)
      if (candidate.awayElsewhere > before) this.suspect(candidate)
      if (candidate.awayElsewhere < before && !candidate.health.up) this.#askLater(candidate, 0)
    }
  }

  #askLater(candidate: Candidate, ms: number): void {
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
    const usable = [...this.#candidates.values()].filter((candidate) => this.isUsable(candidate))
    const rank = Math.min(...usable.map(({ place }) => place.rank))
    const best = usable.filter(({ place }) => place.rank === rank)
    this.#best = sharedWeights(best)
    const seen = best.map(({ extensions }) => extensions).filter((extensions) => extensions !== undefined)
    if (seen.length > 0) this.#merged = mergeExtensions(seen)
  }

  #add(place: Place): Candidate {
    const { ejectMs, ejectAtMostMs, neighbours } = this.#options
    const candidate: Candidate = {
      place,
      health: new Health(this.#options),
      room: new Room(place.key, { moreAfterMs: ejectMs, moreAfterAtMostMs: ejectAtMostMs }, neighbours),
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
    this.#candidates.set(place.key, candidate)
    return candidate
  }

  /** All at the same time: a name server that is silent about one of them does not hold up the others. */
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
  #take(server: Server, { places, failed }: Resolved, first: boolean): void {
    const { onFact, now } = this.#options
    const quiet = this.#unresolved.delete(server.url) ? { quiet: true as const } : {}
    for (const { why } of failed) {
      this.#unresolved.set(server.url, why)
      onFact({ kind: 'backendFailed', at: now(), server: server.url, step: 'resolve', why, ...quiet })
    }
    this.#replace(server, places, (host) => failed.some((one) => one.host === host || one.host === server.host))
    for (const place of places) {
      if (this.#candidates.has(place.key)) continue
      const added = this.#add(place)
      if (!first) this.#askLater(added, 0)
    }
    this.#choose()
  }

  #replace(server: Server, places: readonly Place[], keeps: (host: string) => boolean): void {
    const now = new Set(places.map(({ key }) => key))
    for (const [key, candidate] of this.#candidates) {
      if (candidate.place.server !== server || now.has(key) || keeps(candidate.place.host)) continue
      this.#forget(candidate)
      this.#candidates.delete(key)
      this.#options.onLeave(candidate)
    }
  }

  /** Why nothing can be used; undefined when something can. */
  trouble(): string | undefined {
    const all = [...this.#candidates.values()]
    if (all.some((one) => this.#isKnown(one))) return undefined
    const [first] = all
    if (first !== undefined && all.every(({ relays }) => relays)) return first.health.why
    const said = all.map(({ place, health }) => `${place.server.url}: ${health.why ?? 'not asked yet'}`)
    const unresolved = [...this.#unresolved].map(([server, why]) => `${server}: ${why}`)
    return [...said, ...unresolved].join('; ') || 'not asked yet'
  }

  /** Every server at least once. */
  view(): ServerView[] {
    const all = [...this.#candidates.values()].map((candidate): ServerView => {
      const { place, health, extensions } = candidate
      const { server, address, port } = place
      return {
        server: server.url,
        address: server.socketPath ?? (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`),
        priority: server.priority ?? 0,
        usable: this.isUsable(candidate) && extensions !== undefined,
        extensions: extensions ?? new Map(),
        ...(candidate.relays && { relays: true as const }),
        ...(health.why !== undefined && { trouble: health.why }),
      }
    })
    const missing = this.#options.servers.filter(({ url }) => !all.some(({ server }) => server === url))
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
    for (const candidate of this.#candidates.values()) this.#forget(candidate)
  }

  #forget(candidate: Candidate): void {
    clearTimeout(candidate.timer)
    if (!candidate.health.up) this.#tellAway(candidate, -1)
  }
}
