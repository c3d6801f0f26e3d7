/**
 * What is asked about the recipients that a client offers: their policies, and the open splits that
 * the ledger has for them. Those of one turn of the event loop, which are what a client has
 * pipelined, are one question to the policies.
 */
import type { Ledger } from '../ledger/ledger.ts'
import { known } from '../known.ts'
import type { Policies, PolicyAnswer } from '../policy/policy-source.ts'
import type { Effect, Event } from '../session/effects.ts'
import type { Split } from '../split/split.ts'

export interface LookUpParts {
  /** Undefined: none is asked for. */
  readonly policies: Policies | undefined
  readonly ledger: Pick<Ledger, 'anyOpen' | 'recall'>
  readonly now: () => number
}

type Offer = Pick<Extract<Effect, { do: 'offer' }>, 'index' | 'address' | 'key' | 'sender'>
type Known = Extract<Event, { kind: 'recipientKnown' }>

interface Asked {
  readonly index: number
  readonly address: string
  readonly splits: readonly Split[] | Promise<readonly Split[]>
}

/**
 * How long it counts for the other recipients of a message that nothing of its sender is open, in
 * ms. What another process opens meanwhile may be missed, as may what it opens between the last
 * recipient and the end of the text.
 */
const nothingOpenMs = 1000

const noSplits: readonly Split[] = []

export class RecipientLookUp {
  readonly #parts: LookUpParts
  readonly #tell: (event: Known) => void
  /** Of this turn. */
  #asked: Asked[] = []
  /** Questions to the policies that are under way. */
  readonly #open = new Set<AbortController>()
  /** When the ledger last said that nothing of the sender is open. */
  #nothingOpenAt = -Infinity
  #over = false

  constructor(parts: LookUpParts, tell: (event: Known) => void) {
    this.#parts = parts
    this.#tell = tell
  }

  /** Tells `recipientKnown`, before anything else comes in where all is at hand. */
  ask({ index, address, key, sender }: Offer): void {
    if (this.#asked.length === 0) queueMicrotask(this.#askTogether)
    this.#asked.push({ index, address, splits: this.#recall(sender, key) })
  }

  #recall(sender: string, key: string): readonly Split[] | Promise<readonly Split[]> {
    const { ledger, now } = this.#parts
    const at = now()
    if (Math.abs(at - this.#nothingOpenAt) < nothingOpenMs) return noSplits
    const any = ledger.anyOpen(sender)
    if (any !== false)
      return any === true ? ledger.recall(sender, key) : this.#recallLater(any, sender, key)
    this.#nothingOpenAt = at
    return noSplits
  }

  async #recallLater(
    any: Promise<boolean>,
    sender: string,
    key: string,
  ): Promise<readonly Split[]> {
    return (await any) ? await this.#parts.ledger.recall(sender, key) : noSplits
  }

  readonly #askTogether = (): void => {
    if (this.#over) return
    const asked = this.#asked
    this.#asked = []
    const { policies } = this.#parts
    if (policies === undefined)
      return this.#answered(
        asked,
        asked.map(() => undefined),
      )
    const addresses = asked.map(({ address }) => address)
    const question = new AbortController()
    const answers = policies.policiesFor(addresses, question.signal)
    if (answers instanceof Promise) void this.#wait(asked, question, answers)
    else this.#answered(asked, answers)
  }

  async #wait(
    asked: readonly Asked[],
    question: AbortController,
    answers: Promise<readonly PolicyAnswer[]>,
  ): Promise<void> {
    this.#open.add(question)
    this.#answered(asked, await answers)
    this.#open.delete(question)
  }

  #answered(asked: readonly Asked[], answers: readonly (PolicyAnswer | undefined)[]): void {
    for (const [i, policy] of answers.entries()) {
      const recipient = asked[i]
      if (recipient === undefined) break
      const { index, splits } = recipient
      if (splits instanceof Promise)
        void splits.then((recalled) => this.#known(index, policy, recalled))
      else this.#known(index, policy, splits)
    }
  }

  #known(index: number, policy: PolicyAnswer | undefined, splits: readonly Split[]): void {
    const at = this.#parts.now()
    this.#tell({ kind: 'recipientKnown', at, index, splits, ...known({ policy }) })
  }

  /** Nobody waits for an answer any more. */
  abandon(): void {
    this.#over = true
    for (const question of this.#open) question.abort()
  }
}
