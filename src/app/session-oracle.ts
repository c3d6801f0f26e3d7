/** Answers what one session's machine asks: each question by the part that knows. */
import type { Backend } from '../backend/backend.ts'
import type { SpoolBudget } from '../listen/spool-budget.ts'
import type { PeerDirectory } from '../peers/peer-directory.ts'
import type { Allowance } from '../session/allowance.ts'
import type { Oracle, OwnAnswers, PeerFacts, ServedAs } from '../session/oracle.ts'

/** The same for all sessions of a listener. */
export interface Asked {
  readonly directory: PeerDirectory
  readonly backend: Backend
  readonly budget: SpoolBudget
  readonly newId: () => string
  readonly draining: () => boolean
  /** Hosts that are believed when they say who the client is (XCLIENT). */
  readonly xclientFrom: (address: string) => boolean
}

export class SessionOracle implements Oracle {
  readonly #own: OwnAnswers
  readonly #asked: Asked
  readonly #allowance: Allowance

  constructor(asked: Asked, allowance: Allowance, own: OwnAnswers) {
    this.#asked = asked
    this.#allowance = allowance
    this.#own = own
  }

  serve(peer: PeerFacts): ServedAs {
    return this.#asked.directory.serve(peer)
  }

  newId(): string {
    return this.#asked.newId()
  }

  roomFor(octets: number): boolean {
    return this.#asked.budget.fits(octets)
  }

  backendExtensions(): ReturnType<Oracle['backendExtensions']> {
    return this.#asked.backend.extensions()
  }

  xclientFrom(address: string): boolean {
    return this.#asked.xclientFrom(address)
  }

  draining(): boolean {
    return this.#asked.draining()
  }

  takes(thing: Parameters<Allowance['takes']>[0]): ReturnType<Allowance['takes']> {
    return this.#allowance.takes(thing)
  }

  unread(): boolean {
    return this.#own.unread()
  }

  identify(): ReturnType<Oracle['identify']> {
    return this.#own.identify()
  }
}
