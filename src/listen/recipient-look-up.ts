/**
 * What is asked about each recipient that a client offers: the policy, and the open splits that the
 * ledger has for them. No question outlives its time limit or the transaction.
 */
import type { Ledger } from '../ledger/ledger.ts'
import type { PolicyAnswer, PolicySource } from '../policy/policy-source.ts'
import type { Effect, Event } from '../session/effects.ts'
import type { Split } from '../split/split.ts'
import { PolicyLookUps } from './policy-look-ups.ts'

export interface LookUpParts {
  readonly policies: PolicySource
  readonly ledger: Pick<Ledger, 'recall'>
  readonly policyTimeoutMs: number
  readonly now: () => number
}

type Offer = Pick<Extract<Effect, { do: 'offer' }>, 'index' | 'address' | 'key' | 'sender'>

export class RecipientLookUp {
  readonly #parts: LookUpParts
  readonly #policies: PolicyLookUps
  readonly #tell: (event: Extract<Event, { kind: 'recipientKnown' }>) => void

  constructor(
    parts: LookUpParts,
    tell: (event: Extract<Event, { kind: 'recipientKnown' }>) => void,
  ) {
    this.#parts = parts
    this.#policies = new PolicyLookUps(parts.policies, parts.policyTimeoutMs)
    this.#tell = tell
  }

  /** Tells `recipientKnown`, at once where both have the answer at hand. */
  ask({ index, address, key, sender }: Offer): void {
    const policy = this.#policies.ask(address)
    const splits = this.#parts.ledger.recall(sender, key)
    if (policy instanceof Promise || splits instanceof Promise)
      void this.#knowInBackground(index, policy, splits)
    else this.#known(index, policy, splits)
  }

  async #knowInBackground(
    index: number,
    policy: PolicyAnswer | Promise<PolicyAnswer>,
    splits: readonly Split[] | Promise<readonly Split[]>,
  ): Promise<void> {
    const [known, recalled] = await Promise.all([policy, splits])
    this.#known(index, known, recalled)
  }

  #known(index: number, policy: PolicyAnswer, splits: readonly Split[]): void {
    this.#tell({ kind: 'recipientKnown', at: this.#parts.now(), index, policy, splits })
  }

  /** Nobody waits for an answer any more. */
  abandon(): void {
    this.#policies.abandon()
  }
}
