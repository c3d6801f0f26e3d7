/**
 * How often clients may do something: a rate for each thing, and others for classes that have their
 * own. Held over all processes.
 */
import type { LimitName } from '../facts/sessions.ts'
import type { RatedThing } from '../session/allowance.ts'
import { clientKey } from '../peers/network.ts'
import { RateLimiter } from './rate-limiter.ts'
import type { SharedRate, SharedRates } from './shared-limits.ts'

/** Per minute; absent or Infinity: no limit. Of a class, absent: the general one. */
export interface Rates {
  readonly connectionsPerMinute?: number | undefined
  readonly messagesPerMinute?: number | undefined
  readonly recipientsPerMinute?: number | undefined
  readonly errorsPerMinute?: number | undefined
}

export type Rated = RatedThing | 'connections'

export interface ConfiguredRates {
  readonly rates: Rates
  readonly classes: ReadonlyMap<string, { readonly rates: Rates }>
}

const rateOf: Record<Rated, { readonly key: keyof Rates; readonly limit: LimitName }> = {
  connections: { key: 'connectionsPerMinute', limit: 'connections_per_minute' },
  messages: { key: 'messagesPerMinute', limit: 'messages_per_minute' },
  recipients: { key: 'recipientsPerMinute', limit: 'recipients_per_minute' },
  errors: { key: 'errorsPerMinute', limit: 'errors_per_minute' },
}
const everything = Object.keys(rateOf) as readonly Rated[]

export const limitOf = (rated: Rated): LimitName => rateOf[rated].limit

const minuteMs = 60_000

interface Limited {
  readonly rate: SharedRate
  readonly limiter: RateLimiter
}
/** null: no limit. */
type Limits = Readonly<Record<Rated, Limited | null>>

export class ClientRates {
  readonly #now: () => number
  readonly #shared: SharedRates
  #general: Limits = { connections: null, messages: null, recipients: null, errors: null }
  #ofClass: ReadonlyMap<string, Limits> = new Map()
  #byName = new Map<string, Limited>()

  /** `now`: ms since the epoch. */
  constructor(configured: ConfiguredRates, now: () => number, shared: SharedRates) {
    this.#now = now
    this.#shared = shared
    this.use(configured)
    shared.onElsewhere((rate, key, amount) => {
      const known = this.#byName.get(rate.name)
      if (known?.rate.count === rate.count) known.limiter.drain(key, now(), amount)
    })
  }

  /** A rate that is the same as before goes on; another one begins anew. */
  use({ rates, classes }: ConfiguredRates): void {
    const before = this.#byName
    const next = new Map<string, Limited>()
    const limited = (name: string, count: number | undefined): Limited | null => {
      if (count === undefined || count === Infinity) return null
      const known = before.get(name)
      const rate = { name, count, perMs: minuteMs }
      const same = known?.rate.count === count ? known : { rate, limiter: new RateLimiter(rate) }
      next.set(name, same)
      return same
    }
    const all = (choose: (rated: Rated) => Limited | null): Limits => ({
      connections: choose('connections'),
      messages: choose('messages'),
      recipients: choose('recipients'),
      errors: choose('errors'),
    })
    const general = all((rated) => limited(rateOf[rated].key, rates[rateOf[rated].key]))
    const ofClass = [...classes].flatMap(([peer, { rates: own }]): [string, Limits][] => {
      if (everything.every((rated) => own[rateOf[rated].key] === undefined)) return []
      const limits = all((rated) => {
        const { key } = rateOf[rated]
        return own[key] === undefined ? general[rated] : limited(`${key} ${peer}`, own[key])
      })
      return [[peer, limits]]
    })
    this.#general = general
    this.#ofClass = new Map(ofClass)
    this.#byName = next
  }

  /** Takes one if it is there. */
  takes(rated: Rated, peer: string, address: string): boolean {
    const limited = this.#find(rated, peer)
    if (limited === null) return true
    const key = clientKey(address)
    if (!limited.limiter.take(key, this.#now())) return false
    this.#shared.took(limited.rate, key, 1)
    return true
  }

  /** Whether there is one, without taking it. */
  has(rated: Rated, peer: string, address: string): boolean {
    const limited = this.#find(rated, peer)
    return limited === null || limited.limiter.has(clientKey(address), this.#now())
  }

  #find(rated: Rated, peer: string): Limited | null {
    return (this.#ofClass.get(peer) ?? this.#general)[rated]
  }
}
