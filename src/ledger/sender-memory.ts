/** The senders' records in memory, in front of a store: see senders.ts for what is promised. */
import {
  applyChange,
  joinChanges,
  type SenderChange,
  type SenderRecord,
  type SenderRecords,
} from './senders.ts'

/** One name as the store has it; without a record it was forgotten. */
export interface StoredSender {
  readonly name: string
  readonly record?: SenderRecord
}

export interface SenderShelf {
  /**
   * Adds what is new, and gives the rows as they then are; undefined while the store is away. Never
   * rejects.
   */
  write(changes: readonly SenderChange[]): Promise<readonly StoredSender[] | undefined>
  /**
   * What was changed after `place`, at most some hundred rows, and the place to go on from;
   * undefined while the store is away. `anew`: the store is another one, or was emptied: what was
   * read before does not count.
   */
  since(
    place: number,
  ): Promise<
    | { readonly rows: readonly StoredSender[]; readonly place: number; readonly anew: boolean }
    | undefined
  >
}

/**
 * Names that are kept at most; those that were not changed for longest go first, pinned ones last.
 */
export const mostSenders = 20_000

const writeEveryMs = 500
/** What SQLite writes in well under a millisecond. */
const changesPerWrite = 20

export class SenderMemory implements SenderRecords {
  readonly #shelf: SenderShelf
  readonly #most: number
  /** As the store has them, in the order of their last change. */
  readonly #stored = new Map<string, SenderRecord>()
  /** Not in the store yet. */
  readonly #pending = new Map<string, SenderChange>()
  /** Being written at this moment. */
  readonly #flying = new Map<string, SenderChange>()
  #writing: Promise<void> | undefined
  #reading: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #place = 0

  constructor(shelf: SenderShelf, most = mostSenders) {
    this.#shelf = shelf
    this.#most = most
  }

  find(name: string): SenderRecord | undefined {
    let record = this.#stored.get(name)
    for (const change of [this.#flying.get(name), this.#pending.get(name)])
      if (change !== undefined) record = applyChange(record, change)
    return record
  }

  *each(): Iterable<SenderRecord> {
    for (const names of [this.#stored, this.#flying, this.#pending]) {
      for (const name of names.keys()) {
        const before =
          (names !== this.#stored && this.#stored.has(name)) ||
          (names === this.#pending && this.#flying.has(name))
        const record = before ? undefined : this.find(name)
        if (record !== undefined) yield record
      }
    }
  }

  change(change: SenderChange): void {
    this.#pending.set(change.name, joinChanges(this.#pending.get(change.name), change))
    // Only while the store is away for long: what was learned longest ago is missed least.
    for (const name of this.#pending.keys()) {
      if (this.#pending.size <= this.#most) break
      this.#pending.delete(name)
    }
    this.#writeLater()
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
    await this.#writing
  }

  /** Others may have written, or the store may be back. */
  async refresh(): Promise<void> {
    if (this.#pending.size > 0) this.#writeLater()
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    await this.#reading
  }

  /**
   * What was written before this call is known when it resolves: a reading that is under way may
   * have begun before that.
   */
  async refreshNow(): Promise<void> {
    await this.#reading
    await this.refresh()
  }

  /** Writes what it can. */
  async close(): Promise<void> {
    await this.#reading
    await this.flush()
    clearTimeout(this.#timer)
  }

  #writeLater(): void {
    this.#timer ??= setTimeout(() => void this.flush(), writeEveryMs).unref()
  }

  async #write(): Promise<void> {
    while (this.#pending.size > 0) {
      const batch = [...this.#pending.values()].slice(0, changesPerWrite)
      for (const change of batch) {
        this.#pending.delete(change.name)
        this.#flying.set(change.name, change)
      }
      const rows = await this.#shelf.write(batch)
      this.#flying.clear()
      if (rows === undefined) {
        // It is tried again with the next change, or when the store is back.
        for (const change of batch) {
          const later = this.#pending.get(change.name)
          this.#pending.set(change.name, later === undefined ? change : joinChanges(change, later))
        }
        return
      }
      this.#take(rows)
    }
  }

  async #read(): Promise<void> {
    for (;;) {
      const read = await this.#shelf.since(this.#place)
      if (read === undefined) return
      if (read.anew) this.#stored.clear()
      this.#take(read.rows)
      const ended = read.rows.length === 0
      this.#place = read.place
      if (ended) return
    }
  }

  #take(rows: readonly StoredSender[]): void {
    for (const { name, record } of rows) {
      this.#stored.delete(name)
      if (record !== undefined) this.#stored.set(name, record)
    }
    if (this.#stored.size <= this.#most) return
    for (const { name, pin } of [...this.#stored.values()]) {
      if (this.#stored.size <= this.#most) return
      if (pin === undefined) this.#stored.delete(name)
    }
  }
}
