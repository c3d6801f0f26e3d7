/**
 * What a session was told and what it was answered, as lines of JSON: how it began, each event, and
 * each answer of the oracle, in their order. From these lines its machine can be played again
 * (replay.ts). A session without a journal does not pay for it.
 *
 * The lines hold what the client said, the passwords of AUTH included, and no octet of a text.
 */
import type { Event } from './effects.ts'
import type { RatedThing } from './allowance.ts'
import type { Oracle, PeerFacts } from './oracle.ts'
import { encode } from './journal-values.ts'

export type Question = keyof Oracle

export type Entry =
  | { readonly session: unknown }
  | { readonly event: Event }
  | { readonly asked: Question; readonly of: readonly unknown[]; readonly answer?: unknown }
  /** There was no room for what comes behind. */
  | { readonly full: true }

/** Characters of all lines together, unless the journal is made with another limit. */
export const journalCharacters = 1024 * 1024

export class Journal {
  readonly lines: string[] = []
  readonly #most: number
  #characters = 0
  #full = false

  constructor(mostCharacters = journalCharacters) {
    this.#most = mostCharacters
  }

  /** Nothing more is kept: what there is ends in the middle of the session. */
  get full(): boolean {
    return this.#full
  }

  write(entry: Entry): void {
    if (this.#full) return
    const line = JSON.stringify(encode(entry))
    this.#characters += line.length
    this.#full = this.#characters > this.#most
    this.lines.push(this.#full ? JSON.stringify({ full: true } satisfies Entry) : line)
  }
}

/** An oracle whose answers are written down. */
export class JournaledOracle implements Oracle {
  readonly #oracle: Oracle
  readonly #journal: Journal

  constructor(oracle: Oracle, journal: Journal) {
    this.#oracle = oracle
    this.#journal = journal
  }

  serve(peer: PeerFacts): ReturnType<Oracle['serve']> {
    return this.#note('serve', [peer], this.#oracle.serve(peer))
  }

  newId(): string {
    return this.#note('newId', [], this.#oracle.newId())
  }

  roomFor(octets: number): boolean {
    return this.#note('roomFor', [octets], this.#oracle.roomFor(octets))
  }

  backendExtensions(): ReturnType<Oracle['backendExtensions']> {
    return this.#note('backendExtensions', [], this.#oracle.backendExtensions())
  }

  xclientFrom(address: string): boolean {
    return this.#note('xclientFrom', [address], this.#oracle.xclientFrom(address))
  }

  takes(thing: RatedThing): ReturnType<Oracle['takes']> {
    return this.#note('takes', [thing], this.#oracle.takes(thing))
  }

  draining(): boolean {
    return this.#note('draining', [], this.#oracle.draining())
  }

  unread(): boolean {
    return this.#note('unread', [], this.#oracle.unread())
  }

  identify(): ReturnType<Oracle['identify']> {
    return this.#note('identify', [], this.#oracle.identify())
  }

  #note<Answer>(asked: Question, of: readonly unknown[], answer: Answer): Answer {
    this.#journal.write({ asked, of, answer })
    return answer
  }
}
