/**
 * The ledger as one front-end has it: its server's, or its own memory while the server is away, as
 * src/ledger/redis does it: a call without an answer is made in memory, which begins empty, and
 * what memory holds is written to the server once that works.
 */
import type { Ledger, OpenSplits, StrategyOverride } from '../../src/ledger/ledger.ts'
import type { Split } from '../../src/split/split.ts'
import type { LedgerServer } from './ledger-server.ts'
import { MemoryStore, type Store } from './memory-store.ts'
import { SendersOfNode } from './shared-senders.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface LedgerOfNodeOptions {
  readonly node: number
  readonly server: LedgerServer
  readonly clock: VirtualClock
  /** Of the process: nothing is asked and nobody is told any more. */
  readonly lives: () => boolean
}

/** What it asks of its server. */
export interface Questions {
  openOf: number
  recall: number
  save: number
  find: number
  other: number
  /** Of senders of whom nothing was open: nothing was asked. */
  quiet: number
}

const timeoutMs = 1000
const [firstRetryMs, longestRetryMs] = [1000, 5000]
const nothing: readonly Split[] = []

export class LedgerOfNode implements Ledger {
  readonly questions: Questions = { openOf: 0, recall: 0, save: 0, find: 0, other: 0, quiet: 0 }
  /** ms that answers took, all together, and how many. */
  readonly waited = { ms: 0, answers: 0 }
  readonly sharedWithinMs = 1000
  readonly senders: SendersOfNode
  readonly #options: LedgerOfNodeOptions
  #memory = new MemoryStore({ adopts: true })
  readonly #written = new Set<string>()
  /** Since when the server is away. */
  #awaySince: number | undefined
  /** Questions arrive in the order in which they were asked. */
  #lastArrival = 0

  constructor(options: LedgerOfNodeOptions) {
    this.#options = options
    const { server, clock, node } = options
    this.senders = new SendersOfNode({
      shared: server.senders,
      clock,
      reaches: () => options.lives() && server.reaches(node),
    })
  }

  /** Before mail is taken. */
  async begin(): Promise<void> {
    const { server, node } = this.#options
    server.connect(node, () => this.#fall())
    if (server.reaches(node)) await server.beginWatch(node)
    else this.#fall()
  }

  get durable(): boolean {
    return this.#awaySince === undefined
  }

  openOf(reversePath: string): ReturnType<Ledger['openOf']> {
    const { server, node } = this.#options
    if (this.durable && server.isQuiet(node, reversePath)) {
      this.questions.quiet++
      return nothing
    }
    return this.#run('openOf', (store): ReturnType<Ledger['openOf']> => store.openOf(reversePath))
  }

  recall(reversePath: string, recipient: string): ReturnType<Ledger['recall']> {
    return this.#run('recall', (store): ReturnType<Ledger['recall']> =>
      store.recall(reversePath, recipient),
    )
  }

  /** The limits are far away here. */
  crowded(): undefined {
    return undefined
  }

  save(split: Split): ReturnType<Ledger['save']> {
    if (!this.durable) return this.#saveInMemory(split)
    return this.#saveOnServer(split)
  }

  async find(id: string): Promise<Split | undefined> {
    return await this.#run('find', async (store) => await store.find(id))
  }

  async openSplits(limit: number): Promise<readonly Split[]> {
    return await this.#run('other', async (store) => await store.openSplits(limit))
  }

  async countOpen(): Promise<readonly OpenSplits[]> {
    return await this.#run('other', async (store) => await store.countOpen())
  }

  async stale(before: number, limit: number, since?: number): Promise<readonly Split[]> {
    return await this.#run('other', async (store) => await store.stale(before, limit, since))
  }

  async forget(before: number, limit: number): Promise<number> {
    return await this.#run('other', async (store) => await store.forget(before, limit))
  }

  overrides(): readonly StrategyOverride[] {
    const { server, node, clock } = this.#options
    return server.overrides(node, this.#awaySince ?? clock.now())
  }

  async setOverride(): Promise<void> {
    await Promise.reject(new Error('strategies are set at the server here'))
  }

  async resetOverride(): Promise<boolean> {
    return await Promise.reject(new Error('strategies are set at the server here'))
  }

  async refresh(): Promise<void> {
    await Promise.resolve()
  }

  /** Writes back what it can. */
  async close(): Promise<void> {
    const { server, node } = this.#options
    if (server.reaches(node)) await this.#writeBack()
    server.endWatch(node)
  }

  #run<T>(kind: keyof Questions, call: (store: Store) => T | Promise<T>): T | Promise<T> {
    return this.durable ? this.#ask(kind, call) : call(this.#memory)
  }

  async #ask<T>(kind: keyof Questions, call: (store: Store) => T | Promise<T>): Promise<T> {
    const answer = await this.#onServer(kind, call)
    return answer === undefined ? await call(this.#memory) : answer.value
  }

  /** Undefined: the server did not answer. */
  async #onServer<T>(
    kind: keyof Questions,
    call: (store: Store) => T | Promise<T>,
  ): Promise<{ readonly value: T } | undefined> {
    const { server, clock, node } = this.#options
    const asked = clock.now()
    this.questions[kind]++
    await this.#arrive()
    if (!server.reaches(node)) {
      await this.#inVain(asked)
      return
    }
    const result = call(server.store)
    const value = result instanceof Promise ? await clock.hold(result) : result
    await clock.sleep(server.wayMs())
    if (!server.reaches(node)) {
      await this.#inVain(asked)
      return
    }
    this.waited.ms += clock.now() - asked
    this.waited.answers++
    return { value }
  }

  async #arrive(): Promise<void> {
    const { server, clock } = this.#options
    this.#lastArrival = Math.max(this.#lastArrival, clock.now() + server.wayMs())
    await clock.sleep(this.#lastArrival - clock.now())
  }

  async #inVain(asked: number): Promise<undefined> {
    const { clock } = this.#options
    await clock.sleep(asked + timeoutMs - clock.now())
    this.#fall()
  }

  async #saveOnServer(split: Split): Promise<{ readonly saved: boolean }> {
    const { server, clock, node } = this.#options
    if (split.status === 'open') server.noteOwn(split.reversePath, node)
    const answer = await this.#onServer('save', async () => await server.save(split, node))
    if (answer === undefined) return this.#saveInMemory(split)
    const { saved, waitMs } = answer.value
    await clock.sleep(waitMs)
    return { saved }
  }

  #saveInMemory(split: Split): { readonly saved: boolean } {
    const { saved } = this.#memory.save(split)
    if (saved) this.#written.add(split.id)
    return { saved }
  }

  #fall(): void {
    const { clock, server, node, lives } = this.#options
    if (!this.durable || !lives()) return
    this.#awaySince = clock.now()
    server.fallSilent(node)
    this.#retryLater(firstRetryMs)
  }

  #retryLater(ms: number): void {
    const { clock, server, node, lives } = this.#options
    clock.after(ms, () => {
      if (!lives()) return
      if (server.reaches(node)) void this.#recover()
      else this.#retryLater(Math.min(2 * ms, longestRetryMs))
    })
  }

  async #recover(): Promise<void> {
    const { server, node } = this.#options
    while (this.#written.size > 0) await this.#writeBack()
    await server.beginWatch(node)
    this.#awaySince = undefined
    this.#memory = new MemoryStore({ adopts: true })
  }

  /** Of two versions the newer one stays. */
  async #writeBack(): Promise<void> {
    const { clock, server, node } = this.#options
    await this.#arrive()
    const ids = [...this.#written]
    this.#written.clear()
    let waitMs = 0
    for (const id of ids)
      waitMs = Math.max(waitMs, await clock.hold(writeBack(this.#memory, server, id, node)))
    await clock.sleep(waitMs)
  }
}

/** How long it waits for other front-ends, ms. */
async function writeBack(
  memory: Store,
  server: LedgerServer,
  id: string,
  node: number,
): Promise<number> {
  const split = await memory.find(id)
  if (split === undefined) return 0
  const stored = await server.store.find(id)
  if (stored !== undefined && !isNewer(split, stored)) return 0
  // A store takes a version behind its own alone, and a new split as its first one.
  const version = (stored?.version ?? 0) + 1
  const { waitMs } = await server.save({ ...split, version }, node)
  return waitMs
}

const isNewer = (split: Split, stored: Split): boolean =>
  split.version > stored.version ||
  (split.version === stored.version && split.lastAttemptAt > stored.lastAttemptAt)
