/**
 * What was saved while a file is looked through behind the start: should the file be damaged, it
 * may not give it back.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { rowState, type SplitRow } from '../stored-split.ts'
import type { SplitStore } from './statements.ts'
import { writeSplit } from './write-split.ts'

/** Rows written in one turn of the event loop. */
const rowsPerTurn = 8

/** More is left to what can be read of the file, the oldest first. */
const mostOctets = 64 * 1024 * 1024

export class Unproven {
  readonly #rows = new Map<string, SplitRow>()
  #octets = 0

  /** It is in the file. */
  saved(row: SplitRow): void {
    this.#drop(row.id)
    this.#rows.set(row.id, row)
    this.#octets += row.bytes
    for (const id of this.#rows.keys()) {
      if (this.#octets <= mostOctets) return
      this.#drop(id)
    }
  }

  #drop(id: string): void {
    this.#octets -= this.#rows.get(id)?.bytes ?? 0
    this.#rows.delete(id)
  }

  /** What the file did not give back, or in an older version. */
  async addTo(memory: SplitStore, now: number): Promise<void> {
    for (const [i, row] of [...this.#rows.values()].entries()) {
      if (i % rowsPerTurn === 0) await nextTurn()
      const known = memory.find(row.id)?.version ?? 0
      if (known >= row.version || (known === 0 && row.state === rowState.closed)) continue
      await writeSplit((call) => call(memory), row, known, now)
    }
  }
}
