/**
 * Of which senders nothing is open in the file, known without asking SQLite (docs/decisions/0145).
 * All senders of whom something is open are in bits. As long as nothing was committed to the file
 * they are right; else those are added first who have come since.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { SenderBits } from '../sender-bits.ts'
import { touch } from './connection.ts'
import { sqliteTrouble } from './error.ts'
import type { WalIndex } from './wal-index.ts'

/** Senders read in one call: what fits well into a millisecond. */
const sendersPerCall = 500

/** All senders of whom something was open when number `opening` was the last first split. */
interface Known {
  readonly bits: SenderBits
  opening: number
}

export class SenderFilter {
  readonly #database: DatabaseSync
  readonly #index: WalIndex
  #openings: StatementSync | undefined
  #isAsked = false
  /** Undefined: nothing has shown yet whether the index tells of this file. */
  #isProven: boolean | undefined
  #known: Known | undefined
  /** What is to take its place, and from which name on it is still to be read. */
  #fresh: { readonly known: Known; from: string } | undefined

  constructor(database: DatabaseSync, index: WalIndex) {
    this.#database = database
    this.#index = index
  }

  /** True only if nothing of the sender is open. Throws what SQLite throws. */
  hasNone(reversePath: string): boolean {
    this.#isAsked = true
    const known = this.#known
    if (known === undefined) return false
    const hash = hashOf(reversePath)
    if (known.bits.mayHave(hash)) return false
    if (this.#index.isUnchanged()) return true
    if (!this.#catchUp(known)) {
      this.#known = undefined
      return false
    }
    // What is kept was read before: what was committed in between is seen as a change next time.
    this.#index.keep()
    return !known.bits.mayHave(hash)
  }

  /** Reads a piece of what is to be read; whether there is more. */
  learn(): boolean {
    if (!this.#isAsked || this.#isProven === false) return false
    try {
      this.#isProven ??= this.#index.proves(() => touch(this.#database))
      if (!this.#isProven) return false
      if (this.#fresh === undefined && this.#known?.bits.isCrowded === false) return false
      return this.#learnFresh()
    } catch (error) {
      // Whoever has to read or to write hears of it, too.
      if (sqliteTrouble(error) === 'other') throw error
      return false
    }
  }

  #learnFresh(): boolean {
    this.#fresh ??= { known: { bits: new SenderBits(1), opening: this.#lastOpening() }, from: '' }
    const { known, from } = this.#fresh
    const names = this.#database
      .prepare('select name from opener where kind = 1 and name >= ? order by name limit ?')
      .all(from, sendersPerCall)
      .map(({ name }) => String(name))
    for (const name of names) known.bits.add(hashOf(name))
    this.#fresh.from = names.at(-1) ?? from
    const isBehind = !this.#catchUp(known)
    if (!isBehind && names.length === sendersPerCall) return true
    this.#fresh = undefined
    if (isBehind) return true
    known.bits.wasRead()
    this.#known = known
    return false
  }

  #lastOpening(): number {
    return Number(this.#database.prepare('select max(n) as n from opening').get()?.['n'])
  }

  /** Adds who has come; false when some of them are not listed any more. */
  #catchUp(known: Known): boolean {
    this.#openings ??= this.#database.prepare('select n, name from opening where n >= ? order by n')
    const [first, ...newer] = this.#openings.all(known.opening)
    if (first?.['n'] !== known.opening) return false
    for (const { n, name } of newer) {
      known.bits.add(hashOf(String(name)))
      known.opening = Number(n)
    }
    return true
  }
}

/** FNV-1a, of 30 bits. Whoever makes two senders with the same hash makes SQLite be asked. */
function hashOf(reversePath: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < reversePath.length; i += 1)
    hash = Math.imul(hash ^ reversePath.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 15)) & 0x3fffffff
}
