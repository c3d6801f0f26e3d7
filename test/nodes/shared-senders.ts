/**
 * What front-ends learn of senders, shared: each has its own changes at once, and those of others
 * once they were written, as src/ledger/senders.ts promises.
 */
import {
  applyChange,
  joinChanges,
  type SenderChange,
  type SenderRecord,
  type SenderRecords,
} from '../../src/ledger/senders.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** As src/ledger/sender-memory.ts writes them. */
const writeEveryMs = 500

export class SharedSenders {
  readonly stored = new Map<string, SenderRecord>()

  take(change: SenderChange): void {
    const record = applyChange(this.stored.get(change.name), change)
    if (record === undefined) this.stored.delete(change.name)
    else this.stored.set(change.name, record)
  }
}

export interface SendersOfNodeOptions {
  readonly shared: SharedSenders
  readonly clock: VirtualClock
  /** Whether it can be written now. */
  readonly reaches: () => boolean
}

export class SendersOfNode implements SenderRecords {
  readonly #options: SendersOfNodeOptions
  readonly #pending = new Map<string, SenderChange>()
  #writing = false

  constructor(options: SendersOfNodeOptions) {
    this.#options = options
  }

  find(name: string): SenderRecord | undefined {
    const stored = this.#options.shared.stored.get(name)
    const change = this.#pending.get(name)
    return change === undefined ? stored : applyChange(stored, change)
  }

  *each(): Iterable<SenderRecord> {
    for (const name of new Set([...this.#options.shared.stored.keys(), ...this.#pending.keys()])) {
      const record = this.find(name)
      if (record !== undefined) yield record
    }
  }

  change(change: SenderChange): void {
    this.#pending.set(change.name, joinChanges(this.#pending.get(change.name), change))
    if (this.#writing) return
    this.#writing = true
    this.#options.clock.after(writeEveryMs, () => this.#write())
  }

  async flush(): Promise<void> {
    await Promise.resolve()
  }

  /** Written again with the next change while the store is away. */
  #write(): void {
    this.#writing = false
    if (!this.#options.reaches()) return
    for (const change of this.#pending.values()) this.#options.shared.take(change)
    this.#pending.clear()
  }
}
