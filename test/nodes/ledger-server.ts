/**
 * The server that front-ends share a ledger on: a store, what is between it and them, and which
 * front-end has heard of whom something is open. What Redis is asked is not played here
 * (test/interop/redis does that), but how long an answer takes, when there is none, and what a
 * front-end may take for known without asking (decision 118).
 */
import type { StrategyOverride } from '../../src/ledger/ledger.ts'
import type { Split } from '../../src/split/split.ts'
import type { Random } from '../support/random.ts'
import type { Store } from './memory-store.ts'
import { SharedSenders } from './shared-senders.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface LedgerServerOptions {
  readonly clock: VirtualClock
  readonly random: Random
  readonly store: Store
  readonly nodes: number
  /** One way, ms: at least and at most. */
  readonly wayMs: readonly [number, number]
}

/** For so long what is known counts after it was asked for (src/ledger/redis/watch.ts). */
const leaseMs = 500
/** Until the others have heard, ms, at most; between front-ends that work. */
const hearingMs = 4
/** Between two looks of a front-end whether the server still answers (src/ledger/redis/redis.ts). */
const lookMs = 450
/** Until a change of strategy is known everywhere (Ledger.sharedWithinMs). */
const overridesMs = 1000

type Watcher =
  /** `since`: when it began. */
  | { readonly is: 'here'; readonly since: number }
  | { readonly is: 'silent' }
  /** Nobody waits for it any more. */
  | { readonly is: 'gone' }

interface Change {
  readonly at: number
  readonly overrides: readonly StrategyOverride[]
}

export class LedgerServer {
  readonly store: Store
  readonly senders = new SharedSenders()
  #up = true
  /** Front-ends' ledgers: each is told that its server is away, once it has looked. */
  readonly #connected = new Map<number, () => void>()
  /** First splits of a sender, each of which was told to all front-ends. */
  openings = 0
  readonly #options: LedgerServerOptions
  readonly #watchers: Watcher[]
  /** By sender, when each front-end has heard that something is open. */
  readonly #heard = new Map<string, Float64Array>()
  readonly #changes: Change[] = [{ at: -Infinity, overrides: [] }]
  readonly #cutOff = new Set<number>()

  constructor(options: LedgerServerOptions) {
    this.#options = options
    this.store = options.store
    this.#watchers = Array.from({ length: options.nodes }, (): Watcher => ({ is: 'gone' }))
  }

  wayMs(): number {
    const [least, most] = this.#options.wayMs
    return least + this.#options.random.next() * (most - least)
  }

  reaches(node: number): boolean {
    return this.#up && !this.#cutOff.has(node)
  }

  /** `onAway`: the front-end has looked, and was not answered. */
  connect(node: number, onAway: () => void): void {
    this.#connected.set(node, onAway)
  }

  goAway(): void {
    this.#up = false
    for (const node of this.#connected.keys()) this.#notice(node)
  }

  comeBack(): void {
    this.#up = true
  }

  cutOff(node: number): void {
    this.#cutOff.add(node)
    this.#notice(node)
  }

  joinAgain(node: number): void {
    this.#cutOff.delete(node)
  }

  #notice(node: number): void {
    const { clock, random } = this.#options
    clock.after(random.next() * lookMs, () => {
      if (!this.reaches(node)) this.#connected.get(node)?.()
    })
  }

  /** The front-end reads all senders of whom something is open. */
  async beginWatch(node: number): Promise<void> {
    const now = this.#options.clock.now()
    const open = new Set((await this.store.openSplits(Infinity)).map((split) => split.reversePath))
    for (const [sender, heard] of this.#heard) heard[node] = open.has(sender) ? now : Infinity
    this.#watchers[node] = { is: 'here', since: now }
  }

  /** It is gone without a word: others wait for it once more. */
  fallSilent(node: number): void {
    if (this.#watchers[node]?.is === 'here') this.#watchers[node] = { is: 'silent' }
  }

  /** It has taken its mark away. */
  endWatch(node: number): void {
    this.#watchers[node] = { is: 'gone' }
  }

  /** True only if nothing of the sender is open, as far as this front-end may know. */
  isQuiet(node: number, sender: string): boolean {
    if (this.#watchers[node]?.is !== 'here' || !this.reaches(node)) return false
    return (this.#heard.get(sender)?.[node] ?? Infinity) > this.#options.clock.now()
  }

  /** Before the save of an open split is sent. */
  noteOwn(sender: string, node: number): void {
    const heard = this.#heardOf(sender)
    heard[node] = Math.min(heard[node] ?? Infinity, this.#options.clock.now())
  }

  /** `waitMs`: until no other front-end can take the sender for one of whom nothing is open. */
  async save(
    split: Split,
    by: number,
  ): Promise<{ readonly saved: boolean; readonly waitMs: number }> {
    const { reversePath, status } = split
    const open = status === 'open' ? await this.store.openOf(reversePath) : 'many'
    const { saved } = await this.store.save(split)
    const isFirst = saved && open !== 'many' && open.length === 0
    return { saved, waitMs: isFirst ? this.#tellOthers(reversePath, by) : 0 }
  }

  /** A sender's first open split is there: how long the save waits for the others, ms. */
  #tellOthers(sender: string, by: number): number {
    const { clock, random } = this.#options
    const now = clock.now()
    const heard = this.#heardOf(sender)
    this.openings++
    let wait = 0
    this.#watchers.forEach((watcher, node) => {
      const ms = node === by ? 0 : this.#hearsWithin(node, watcher, random.next())
      if (watcher.is === 'here') heard[node] = Math.min(heard[node] ?? Infinity, now + ms)
      if (watcher.is !== 'gone') wait = Math.max(wait, ms)
      if (watcher.is === 'silent') this.#watchers[node] = { is: 'gone' }
    })
    const own = this.#watchers[by]
    const young = own?.is === 'here' ? own.since + leaseMs - now : 0
    return Math.max(wait, young)
  }

  #heardOf(sender: string): Float64Array {
    const known = this.#heard.get(sender)
    if (known !== undefined) return known
    const heard = new Float64Array(this.#options.nodes).fill(Infinity)
    this.#heard.set(sender, heard)
    return heard
  }

  #hearsWithin(node: number, { is }: Watcher, chance: number): number {
    return is === 'here' && this.reaches(node) ? 1 + chance * (hearingMs - 1) : leaseMs
  }

  setOverrides(overrides: readonly StrategyOverride[]): void {
    this.#changes.push({ at: this.#options.clock.now(), overrides })
  }

  /** As a front-end knows them that has last looked at `at`. */
  overrides(node: number, at: number): readonly StrategyOverride[] {
    const lateMs = (overridesMs * (node + 1)) / this.#options.nodes
    return this.#changes.findLast((change) => change.at + lateMs <= at)?.overrides ?? []
  }
}
