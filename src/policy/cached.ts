/**
 * A source whose answers are kept for a while, those that it knows a recipient and those that it
 * does not. A failure is never kept. Only whom nothing is known of is asked for, everybody once.
 */
import type { Answer, Answers, Source } from './policy-source.ts'

export interface CacheOptions {
  /** How long a recipient's policy is kept. */
  readonly foundMs: number
  /** How long it is kept that the source does not know a recipient. */
  readonly unknownMs: number
  /** Recipients that are kept; who was asked for longest ago goes first. */
  readonly mostRecipients: number
  /** A clock that never goes back. */
  readonly clock?: () => number
}

interface Kept<Found> {
  readonly answer: Answer<Found>
  readonly until: number
}

export function cached<Found extends { readonly kind: string }>(
  source: Source<Found>,
  options: CacheOptions,
): Source<Found> {
  return new CachedSource(source, options)
}

class CachedSource<Found extends { readonly kind: string }> implements Source<Found> {
  readonly name: string
  readonly #source: Source<Found>
  readonly #options: CacheOptions
  readonly #clock: () => number
  /** The one that was asked for longest ago comes first. */
  readonly #kept = new Map<string, Kept<Found>>()

  constructor(source: Source<Found>, options: CacheOptions) {
    this.name = source.name
    this.#source = source
    this.#options = options
    this.#clock = options.clock ?? ((): number => performance.now())
  }

  policiesFor(recipients: readonly string[], signal: AbortSignal): Answers<Found> {
    const known = new Map<string, Answer<Found>>()
    const asked = new Set<string>()
    for (const recipient of recipients) {
      const answer = this.#recall(recipient)
      if (answer === undefined) asked.add(recipient)
      else known.set(recipient, answer)
    }
    const given = [...asked]
    const answers = asked.size === 0 ? [] : this.#source.policiesFor(given, signal)
    const all = (fresh: readonly Answer<Found>[]): readonly Answer<Found>[] => {
      for (const [i, recipient] of given.entries()) {
        const answer = fresh[i]
        if (answer === undefined) continue
        known.set(recipient, answer)
        this.#keep(recipient, answer)
      }
      return recipients.map((recipient) => known.get(recipient) ?? this.#noAnswer())
    }
    return answers instanceof Promise ? answers.then(all) : all(answers)
  }

  async close(): Promise<void> {
    this.#kept.clear()
    await this.#source.close()
  }

  #recall(recipient: string): Answer<Found> | undefined {
    const kept = this.#kept.get(recipient)
    if (kept === undefined) return undefined
    this.#kept.delete(recipient)
    if (kept.until <= this.#clock()) return undefined
    this.#kept.set(recipient, kept)
    return kept.answer
  }

  #keep(recipient: string, answer: Answer<Found>): void {
    const { foundMs, unknownMs, mostRecipients } = this.#options
    if (answer.kind === 'failed') return
    this.#kept.delete(recipient)
    this.#kept.set(recipient, {
      answer,
      until: this.#clock() + (answer.kind === 'unknown' ? unknownMs : foundMs),
    })
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= mostRecipients) break
      this.#kept.delete(oldest)
    }
  }

  #noAnswer(): Answer<Found> {
    return { kind: 'failed', source: this.name, why: 'it has no answer for this recipient' }
  }
}
