/**
 * What happens to the front-ends of a run and to what they share, at moments that the seed decides:
 * each is noted as the chaos run notes it, so that the count knows what explains what.
 */
import type { StrategyOverride } from '../../src/ledger/ledger.ts'
import { everyClass } from '../../src/peers/overrides.ts'
import type { ConfigurableStrategy } from '../../src/strategy/names.ts'
import type { Blow, Entry } from '../chaos/journal.ts'
import type { Random } from '../support/random.ts'
import type { FrontEnd } from './front-end.ts'
import type { LedgerServer } from './ledger-server.ts'
import { MemoryStore } from './memory-store.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface TroubleOptions {
  readonly clock: VirtualClock
  readonly random: Random
  readonly servers: readonly LedgerServer[]
  readonly frontEnds: readonly FrontEnd[]
  readonly strategy: ConfigurableStrategy
  readonly note: (entry: Entry) => void
  /** ms that there is trouble. */
  readonly forMs: number
}

/** `timeouts.shutdown`, shorter than its default so that something is broken off. */
const stopMs = 5000
const awayMs = 60_000
/** So much of what was written last a promoted replica has not got. */
const behindMs = 300
/** Until a change of strategy is known everywhere, and what a look at it may be late. */
const sharedWithinMs = 1000
const strategies = ['late', 'group', 'auto', 'single', 'lenient'] as const

/** Until it is tried again. */
const againMs = 500
/** Until a front-end uses a ledger again that was away (ledger-of-node.ts). */
const usedAgainMs = 6000

/** So often a minute. */
export const troubles = {
  'kill a front-end': 3,
  'stop a front-end': 3,
  'cut a front-end off from the ledger': 2,
  'take the ledger away for a minute': 0.1,
  'promote a replica that is behind': 0.2,
  'set another strategy': 0.3,
  'restart all with another strategy': 0.1,
  drain: 0.1,
} as const

type Kind = keyof typeof troubles

export class Trouble {
  readonly counts = new Map<Kind, number>()
  readonly #options: TroubleOptions
  /** Configured. */
  #strategy: ConfigurableStrategy
  /** Front-ends to which something is being done. */
  readonly #busy = new Set<number>()
  /** The ledger's server, or what is set there. */
  #ledgerIsBusy = false
  #restarting = false
  #cutOffs = 0
  readonly #began: number
  /** Set at run time. */
  #inForce: ConfigurableStrategy | undefined
  #overrides: readonly StrategyOverride[] = []
  #ids = 0

  constructor(options: TroubleOptions) {
    this.#options = options
    this.#strategy = options.strategy
    this.#began = options.clock.now()
  }

  /** Each kind once at least. */
  begin(): void {
    const { clock, random, forMs } = this.#options
    for (const [kind, perMinute] of Object.entries(troubles) as [Kind, number][]) {
      const times = Math.max(1, Math.round((perMinute * forMs) / 60_000))
      for (let i = 0; i < times; i++) clock.after(random.next() * forMs * 0.9, () => this.#do(kind))
    }
  }

  /** Later, where something else is going on that it would be mixed up with. */
  #do(kind: Kind): void {
    const { clock, forMs } = this.#options
    if (this.#isFree(kind)) {
      this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
      void this.#act(kind)
    } else if (clock.now() - this.#began < forMs) clock.after(againMs, () => this.#do(kind))
  }

  #isFree(kind: Kind): boolean {
    switch (kind) {
      case 'kill a front-end':
      case 'stop a front-end':
        return !this.#restarting && this.#mostWork
      case 'cut a front-end off from the ledger':
        return !this.#ledgerIsBusy && this.#mostWork
      case 'take the ledger away for a minute':
      case 'promote a replica that is behind':
      case 'set another strategy':
      case 'drain':
      case 'restart all with another strategy':
        return !this.#ledgerIsBusy
    }
  }

  get #mostWork(): boolean {
    return 3 * this.#busy.size < this.#options.frontEnds.length
  }

  async #act(kind: Kind): Promise<void> {
    switch (kind) {
      case 'kill a front-end': {
        await this.#onOne(async (frontEnd) => await this.#kill(frontEnd))
        return
      }
      case 'stop a front-end': {
        await this.#onOne(async (frontEnd) => await this.#stop(frontEnd))
        return
      }
      case 'cut a front-end off from the ledger': {
        await this.#onOne(async (frontEnd) => await this.#cutOff(frontEnd))
        return
      }
      case 'take the ledger away for a minute': {
        await this.#onLedger(async () => await this.#takeAway(this.#shorter(awayMs)))
        return
      }
      case 'promote a replica that is behind': {
        await this.#onLedger(async () => await this.#promote())
        return
      }
      case 'set another strategy': {
        await this.#onLedger(async () => await this.#set())
        return
      }
      case 'restart all with another strategy': {
        await this.#onLedger(async () => await this.#restartAll())
        return
      }
      case 'drain': {
        await this.#onLedger(async () => await this.#drain())
        return
      }
    }
  }

  /** In a run of few minutes nothing takes most of the time. */
  #shorter(ms: number): number {
    return Math.min(ms, this.#options.forMs / 8)
  }

  async #onOne(act: (frontEnd: FrontEnd) => Promise<void>): Promise<void> {
    const { frontEnds, random } = this.#options
    const frontEnd = random.pick(frontEnds.filter(({ number }) => !this.#busy.has(number)))
    this.#busy.add(frontEnd.number)
    await act(frontEnd)
    this.#busy.delete(frontEnd.number)
  }

  /** A front-end that is cut off would not hear of it. */
  async #onLedger(act: () => Promise<void>): Promise<void> {
    this.#ledgerIsBusy = true
    while (this.#cutOffs > 0) await this.#options.clock.sleep(againMs)
    await act()
    this.#ledgerIsBusy = false
  }

  async #kill(frontEnd: FrontEnd): Promise<void> {
    const { clock, random } = this.#options
    const blow = this.#blow('primary', frontEnd.number)
    frontEnd.kill()
    blow('SIGKILL')
    await clock.sleep(this.#shorter(random.between(2000, 60_000)))
    await frontEnd.start(this.#strategy)
    blow('started')
  }

  async #stop(frontEnd: FrontEnd): Promise<void> {
    const { clock, random } = this.#options
    const blow = this.#blow('primary', frontEnd.number)
    frontEnd.stop(stopMs)
    blow('SIGTERM')
    await clock.sleep(stopMs + random.between(500, 3000))
    await frontEnd.start(this.#strategy)
    blow('started')
  }

  async #cutOff({ number }: FrontEnd): Promise<void> {
    const { clock, random, servers } = this.#options
    const blow = this.#blow('redis', number)
    this.#cutOffs++
    for (const server of servers) server.cutOff(number)
    blow('SIGSTOP')
    await clock.sleep(this.#shorter(random.between(1000, 30_000)))
    for (const server of servers) server.joinAgain(number)
    blow('SIGCONT')
    await clock.sleep(usedAgainMs)
    this.#cutOffs--
  }

  async #takeAway(ms: number): Promise<void> {
    const { clock, servers } = this.#options
    const blow = this.#blow('redis')
    for (const server of servers) server.goAway()
    blow('SIGKILL')
    await clock.sleep(ms)
    for (const server of servers) server.comeBack()
    blow('started')
  }

  async #promote(): Promise<void> {
    const { clock, servers, random } = this.#options
    const lost = clock.now() - behindMs
    const away = this.#takeAway(this.#shorter(random.between(1000, 8000)))
    for (const { store } of servers) if (store instanceof MemoryStore) store.forgetSince(lost)
    await away
  }

  async #set(): Promise<void> {
    const { clock, random, note } = this.#options
    const strategy = random.pick(strategies)
    const at = clock.now()
    this.#setOverrides([this.#override('default', strategy)])
    note({ what: 'switch', at, to: at + sharedWithinMs, strategy })
    await clock.sleep(2 * sharedWithinMs)
    this.#inForce = strategy
  }

  async #drain(): Promise<void> {
    const { clock, note } = this.#options
    const before = this.#overrides
    const strategy = this.#inForce ?? this.#strategy
    const from = clock.now()
    this.#setOverrides([...before, this.#override(everyClass, 'lenient')])
    note({ what: 'switch', at: from, to: from + sharedWithinMs, strategy: 'lenient' })
    await clock.sleep(this.#shorter(awayMs))
    const at = clock.now()
    this.#setOverrides(before)
    note({ what: 'switch', at, to: at + sharedWithinMs, strategy })
    await clock.sleep(2 * sharedWithinMs)
  }

  /** Some at a time, with a new configuration; what was set is reset before. */
  async #restartAll(): Promise<void> {
    const { clock, random, note, frontEnds } = this.#options
    this.#restarting = true
    while (this.#busy.size > 0) await clock.sleep(againMs)
    const strategy = random.pick(strategies)
    const from = clock.now()
    note({ what: 'switch', at: from, to: undefined, strategy: this.#strategy })
    note({ what: 'switch', at: from, to: undefined, strategy })
    this.#setOverrides([])
    this.#inForce = undefined
    this.#strategy = strategy
    const some = Math.ceil(frontEnds.length / 10)
    for (let i = 0; i < frontEnds.length; i += some)
      await Promise.all(
        frontEnds.slice(i, i + some).map(async (frontEnd) => await this.#stop(frontEnd)),
      )
    const at = clock.now()
    note({ what: 'switch', at, to: at + sharedWithinMs, strategy })
    this.#restarting = false
  }

  #setOverrides(overrides: readonly StrategyOverride[]): void {
    this.#overrides = overrides
    for (const server of this.#options.servers) server.setOverrides(overrides)
  }

  #override(peer: string, strategy: ConfigurableStrategy): StrategyOverride {
    return { peer, strategy, setAt: this.#options.clock.now(), by: 'the run' }
  }

  #blow(target: 'primary' | 'redis', front?: number): (how: Blow['how']) => void {
    const { note, clock } = this.#options
    const pid = ++this.#ids
    return (how) =>
      note({
        what: 'blow',
        at: clock.now(),
        target,
        pid,
        how,
        ...(front !== undefined && { front }),
      })
  }
}
