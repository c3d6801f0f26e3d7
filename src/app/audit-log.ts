/**
 * Who has changed what by the admin API of this front-end: one JSON line each, in a file of its own
 * in the data directory, so that it is there after a restart. It is bounded: when it has twice as
 * many lines as are kept, it is written anew with the latest.
 */
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditEntry } from '../admin/context.ts'
import type { Fact } from '../facts/fact.ts'
import { known } from '../known.ts'

/** Entries that are kept. */
export const mostEntries = 5000

export class AuditLog {
  readonly #file: string
  readonly #onTrouble: (what: string) => void
  /** The latest last. */
  #entries: AuditEntry[]
  /** Lines of the file. */
  #lines: number

  /** What can't be read is told, and the log begins anew behind it. */
  constructor(directory: string, onTrouble: (what: string) => void) {
    this.#file = join(directory, 'audit.jsonl')
    this.#onTrouble = onTrouble
    const lines = this.#read()
    this.#lines = lines.length
    this.#entries = lines.slice(-mostEntries).flatMap((line) => entryIn(line) ?? [])
  }

  readonly hear = (fact: Fact): void => {
    const entry = entryOf(fact)
    if (entry === undefined) return
    this.#entries.push(entry)
    this.#write(entry)
    if (this.#entries.length >= 2 * mostEntries) this.#entries = this.#entries.slice(-mostEntries)
  }

  /** The last one first. */
  latest(limit: number): readonly AuditEntry[] {
    return this.#entries.slice(-mostEntries).slice(-limit).toReversed()
  }

  #read(): string[] {
    try {
      const lines = readFileSync(this.#file, 'utf8').split('\n')
      return lines.filter((line) => line !== '')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#tell(error)
      return []
    }
  }

  #write(entry: AuditEntry): void {
    try {
      if (this.#lines < 2 * mostEntries) {
        // Behind half a line, which a crash may have left, this begins a new one.
        appendFileSync(this.#file, `${JSON.stringify(entry)}\n`, { mode: 0o640 })
        this.#lines++
      } else this.#writeAnew()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && this.#madeDirectory())
        return this.#write(entry)
      this.#tell(error)
    }
  }

  #writeAnew(): void {
    const kept = this.#entries.slice(-mostEntries)
    const next = `${this.#file}.new`
    writeFileSync(next, kept.map((entry) => `${JSON.stringify(entry)}\n`).join(''), { mode: 0o640 })
    renameSync(next, this.#file)
    this.#lines = kept.length
  }

  #madeDirectory(): boolean {
    return mkdirSync(join(this.#file, '..'), { recursive: true }) !== undefined
  }

  #tell(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error)
    this.#onTrouble(`audit log: ${why}; changes are in the log all the same`)
  }
}

/** Of what somebody has changed by hand. */
function entryOf(fact: Fact): AuditEntry | undefined {
  switch (fact.kind) {
    case 'strategyChanged': {
      const { at, by, peer, from, strategy, until, reason } = fact
      const change = fact.kind
      return { at, by, change, of: peer, to: strategy, ...known({ from, until, reason }) }
    }
    case 'senderChanged': {
      const { at, by, sender, from, strategy, until, reason, change: how } = fact
      const to = how === 'pinned' ? strategy : how
      return { at, by, change: fact.kind, of: sender, ...known({ from, to, until, reason }) }
    }
    case 'splitForgiven': {
      const { at, by, split, reason } = fact
      return { at, by, change: fact.kind, of: split, ...known({ reason }) }
    }
    case 'drainChanged': {
      const { at, by, draining, reason } = fact
      const [from, to] = draining ? ['splits', 'drain'] : ['drain', 'splits']
      return { at, by, change: fact.kind, from, to, ...known({ reason }) }
    }
    default:
      return undefined
  }
}

function entryIn(line: string): AuditEntry | undefined {
  try {
    const { at, by, change, ...more } = JSON.parse(line) as Partial<AuditEntry>
    const whole = typeof at === 'number' && typeof by === 'string' && typeof change === 'string'
    return whole ? { at, by, change, ...more } : undefined
  } catch {
    return undefined
  }
}
