/**
 * What the messages are called that are under way, so that each line of one has its Message-ID, and
 * not only the line at its end.
 */
import { known } from '../known.ts'
import type { Fact } from '../facts/fact.ts'
import { cutText } from './cut.ts'

/** Fields of a line. */
export interface About {
  readonly transaction?: string | undefined
  /** Absent as long as its text has not told. */
  readonly messageId?: string
}

type End = Fact & {
  readonly kind: 'transactionEnded' | 'messageObserved' | 'messageNotObserved'
}

/** No line about it follows; lines of judges follow one that is observed. */
const endsMessage = (fact: Fact): fact is End =>
  fact.kind === 'messageObserved' ||
  fact.kind === 'messageNotObserved' ||
  (fact.kind === 'transactionEnded' && fact.observed !== true)

/** Of the transaction that a line is about, if it is about one. */
export type AboutOf = (transaction: string | undefined) => About

export class MessageIds {
  /** By transaction; each one ends. */
  readonly #under = new Map<string, string>()

  hear(fact: Fact): void {
    if (fact.kind === 'messageIdRead') this.#under.set(fact.transaction, cutText(fact.messageId))
    else if (endsMessage(fact)) this.#under.delete(fact.transaction)
  }

  about(transaction: string | undefined): About {
    const messageId = transaction === undefined ? undefined : this.#under.get(transaction)
    return { transaction, ...known({ messageId }) }
  }

  get size(): number {
    return this.#under.size
  }
}
