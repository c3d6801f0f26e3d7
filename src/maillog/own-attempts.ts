/**
 * Messages from what Rcptwise itself has kept, its log or its history: a message that was split has
 * several attempts there, and counts once.
 */
import type { Client, Score, Seen } from './sighting.ts'

export interface Attempt {
  readonly at: number
  readonly client: Client
  readonly sender: string
  readonly recipients: readonly {
    readonly address: string
    readonly fate: string
    readonly reason: string
  }[]
  /** There are more, and they were left out. */
  readonly more: boolean
  readonly sizeBytes: number
  readonly scores: readonly Score[]
  readonly prdr: boolean
  readonly refused: boolean
  readonly trusted: boolean
  readonly split?: string
}

/** Splits whose later attempts are known; a split is over within days. */
const mostSplits = 100_000

/** Whose refusal at RCPT was the policy's. */
const byPolicy = new Set(['max_size', 'refuse_senders'])

export class OwnAttempts {
  readonly #seen = new Set<string>()

  take(attempt: Attempt): Seen {
    const { split, scores, client, trusted } = attempt
    if (split !== undefined && this.#seen.has(split)) return undefined
    // The first attempt at which somebody got as far as the text tells its score.
    if (scores.length === 0 && !attempt.recipients.some(({ fate }) => fate === 'through'))
      return undefined
    if (split !== undefined) this.#remember(split)
    const recipients = attempt.recipients
      .filter(({ fate, reason }) => isAsked(fate) || byPolicy.has(reason))
      .map(({ address }) => address)
    return {
      kind: 'whole',
      message: {
        at: attempt.at,
        client: { ...client, ...(trusted && { own: true }) },
        sender: attempt.sender,
        recipients,
        sizeBytes: attempt.sizeBytes,
        scores,
        answer: attempt.refused ? 'refused' : 'taken',
        ...(attempt.more && { more: true }),
        ...(attempt.prdr && { prdr: true }),
      },
    }
  }

  #remember(split: string): void {
    if (this.#seen.size >= mostSplits) {
      const [oldest] = this.#seen
      if (oldest !== undefined) this.#seen.delete(oldest)
    }
    this.#seen.add(split)
  }
}

const isAsked = (fate: string): boolean => fate === 'through' || fate === 'deferred'
