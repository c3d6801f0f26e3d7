/**
 * What is asked about the recipients that a client offers: their policies, and the open splits that
 * the ledger has for them. Those of one turn of the event loop, which are what a client has
 * pipelined, are one question to the policies.
 */
import type { Ledger } from '../ledger/ledger.ts'
import { inMicrotask } from '../loop/microtask.ts'
import type { Policies, PolicyAnswer } from '../policy/policy-source.ts'
import type { Effect, Event } from '../session/effects.ts'
import type { Split } from '../split/split.ts'

export interface LookUpParts {
  /** Undefined: none is asked for. */
  readonly policies: Policies | undefined
  readonly ledger: Pick<Ledger, 'openOf' | 'recall'>
  readonly now: () => number
}

type Offer = Pick<Extract<Effect, { do: 'offer' }>, 'index' | 'address' | 'key' | 'sender'>

interface LookUpListener {
  tell(event: Extract<Event, { kind: 'recipientKnown' }>): void
}

interface Asked {
  readonly index: number
  readonly address: string
  readonly splits: Splits | Promise<Splits>
}

/**
 * How long what is open of the sender counts for the other recipients of a message, in ms. What
 * another process opens or ends meanwhile may be missed, as may what it does between the last
 * recipient and the end of the text.
 */
const openOfMs = 1000

type Splits = readonly Split[]

export class RecipientLookUp {
  readonly #parts: LookUpParts
  readonly #listener: LookUpListener
  /** Of this turn. */
  #asked: Asked[] = []
  /** Of all questions to the policies; most are answered at once. */
  #stop: AbortController | undefined
  /** Questions that wait for their answer. */
  #underWay = 0
  /** What the ledger last said of the sender, and when it was asked. */
  #openOf: ReturnType<Ledger['openOf']> = 'many'
  #askedAt = -Infinity
  #over = false

  constructor(parts: LookUpParts, listener: LookUpListener) {
    this.#parts = parts
    this.#listener = listener
  }

  /** Tells `recipientKnown`, before anything else comes in where all is at hand. */
  ask({ index, address, key, sender }: Offer): void {
    if (this.#asked.length === 0) inMicrotask(this.#askTogether)
    this.#asked.push({ index, address, splits: this.#recall(sender, key) })
  }

  #recall(sender: string, key: string): Splits | Promise<Splits> {
    const { ledger, now } = this.#parts
    const at = now()
    if (Math.abs(at - this.#askedAt) >= openOfMs) {
      this.#openOf = ledger.openOf(sender)
      this.#askedAt = at
    }
    const open = this.#openOf
    const splitsIn = (known: Splits | 'many'): Splits | Promise<Splits> =>
      known === 'many' ? ledger.recall(sender, key) : withRecipient(known, key)
    return open instanceof Promise ? open.then(splitsIn) : splitsIn(open)
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
    this.#stop ??= new AbortController()
    const answers = policies.policiesFor(addresses, this.#stop.signal)
    if (answers instanceof Promise) void this.#wait(asked, answers)
    else this.#answered(asked, answers)
  }

  async #wait(asked: readonly Asked[], answers: Promise<readonly PolicyAnswer[]>): Promise<void> {
    this.#underWay++
    this.#answered(asked, await answers)
    this.#underWay--
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

  #known(index: number, policy: PolicyAnswer | undefined, splits: Splits): void {
    const at = this.#parts.now()
    this.#listener.tell(
      policy === undefined
        ? { kind: 'recipientKnown', at, index, splits }
        : { kind: 'recipientKnown', at, index, splits, policy },
    )
  }

  /** Nobody waits for an answer any more. */
  abandon(): void {
    this.#over = true
    if (this.#underWay > 0) this.#stop?.abort()
  }
}

const withRecipient = (splits: Splits, key: string): Splits =>
  splits.length === 0
    ? splits
    : splits.filter(({ recipients }) => recipients.some(({ address }) => address === key))
