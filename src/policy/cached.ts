/**
 * A source whose answers are kept for a while, those that it knows a recipient and those that it
 * does not. A failure is never kept: what was known before serves in its place for a longer while.
 * Only whom nothing is known of is asked for, everybody once.
 */
import { type Kept, KeptAnswers, SameAnswers } from './kept-answers.ts'
import { partOf } from './large-map.ts'
import type { Answer, Answers, Source } from './policy-source.ts'

export interface CacheOptions {
  /** How long a recipient's policy is kept. */
  readonly foundMs: number
  /** How long it is kept that the source does not know a recipient. */
  readonly unknownMs: number
  /** How much longer an answer serves while the source fails. */
  readonly staleMs: number
  /** Recipients that are kept; who was asked for longest ago goes first. */
  readonly mostRecipients: number
  /** How many recipients of a question were known here; called where there is one. */
  readonly onRecalled?: (recalled: Recalled) => void
  /** A clock that never goes back. */
  readonly clock?: () => number
}

export interface Recalled {
  readonly recipients: number
  /** Their answer was kept too long, and the source has failed. */
  readonly stale: boolean
}

/** A source that fails is asked again for a recipient after this: it may be back. */
const retryMs = 10_000

/** Of one map: it grows, and loses its oldest, without a pause. */
const mostOfPart = 50_000

export interface CachedSource<Found> extends Source<Found> {
  /** The source is asked for everybody anew; what is known serves while it fails. */
  renew(): void
}

export function cached<Found extends { readonly kind: string }>(
  source: Source<Found>,
  options: CacheOptions,
): CachedSource<Found> {
  return new Cache(source, options)
}

class Cache<Found extends { readonly kind: string }> implements CachedSource<Found> {
  readonly name: string
  readonly #source: Source<Found>
  readonly #options: CacheOptions
  readonly #clock: () => number
  /** One, where there are no more recipients than one may have. */
  readonly #parts: readonly KeptAnswers<Found>[]
  #renewals = 0

  constructor(source: Source<Found>, options: CacheOptions) {
    this.name = source.name
    this.#source = source
    this.#options = options
    this.#clock = options.clock ?? ((): number => performance.now())
    const parts = Math.max(1, Math.ceil(options.mostRecipients / mostOfPart))
    const same = new SameAnswers<Found>()
    const most = Math.floor(options.mostRecipients / parts)
    this.#parts = Array.from({ length: parts }, () => new KeptAnswers(most, same))
  }

  policiesFor(recipients: readonly string[], signal: AbortSignal): Answers<Found> {
    const known = new Map<string, Answer<Found>>()
    const asked = new Set<string>()
    for (const recipient of recipients) {
      const answer = this.#recall(recipient)
      if (answer === undefined) asked.add(recipient)
      else known.set(recipient, answer)
    }
    this.#tell(known.size, false)
    const given = [...asked]
    const answers = asked.size === 0 ? [] : this.#source.policiesFor(given, signal)
    const all = (fresh: readonly Answer<Found>[]): readonly Answer<Found>[] => {
      let stale = 0
      for (const [i, recipient] of given.entries()) {
        const answer = fresh[i]
        if (answer === undefined) continue
        // Where nobody waits any more, that the source has no answer says nothing of it.
        const hasFailed = answer.kind === 'failed' && !signal.aborted
        const instead = hasFailed ? this.#recallStale(recipient) : undefined
        known.set(recipient, instead ?? answer)
        if (instead === undefined) this.#keep(recipient, answer)
        else stale++
      }
      this.#tell(stale, true)
      return recipients.map((recipient) => known.get(recipient) ?? this.#noAnswer())
    }
    return answers instanceof Promise ? answers.then(all) : all(answers)
  }

  /** What is kept is not touched, however much there is. */
  renew(): void {
    this.#renewals++
  }

  async close(): Promise<void> {
    for (const part of this.#parts) part.clear()
    await this.#source.close()
  }

  #tell(recipients: number, stale: boolean): void {
    if (recipients > 0) this.#options.onRecalled?.({ recipients, stale })
  }

  #recall(recipient: string): Answer<Found> | undefined {
    const part = partOf(this.#parts, recipient)
    const kept = part.get(recipient)
    if (kept === undefined) return undefined
    const now = this.#clock()
    const isFresh = kept.until > now && kept.renewal === this.#renewals
    if (isFresh || kept.staleUntil > now) part.touch(recipient)
    else part.delete(recipient)
    return isFresh ? kept.answer : undefined
  }

  #recallStale(recipient: string): Answer<Found> | undefined {
    const part = partOf(this.#parts, recipient)
    const kept = part.get(recipient)
    const now = this.#clock()
    if (kept === undefined || kept.staleUntil <= now) return undefined
    const until = Math.min(now + retryMs, kept.staleUntil)
    part.set(recipient, { ...kept, until, renewal: this.#renewals })
    return kept.answer
  }

  #keep(recipient: string, answer: Answer<Found>): void {
    const { foundMs, unknownMs, staleMs } = this.#options
    if (answer.kind === 'failed') return
    const until = this.#clock() + (answer.kind === 'unknown' ? unknownMs : foundMs)
    const kept: Kept<Found> = {
      answer,
      until,
      staleUntil: until + staleMs,
      renewal: this.#renewals,
    }
    partOf(this.#parts, recipient).set(recipient, kept)
  }

  #noAnswer(): Answer<Found> {
    return { kind: 'failed', source: this.name, why: 'it has no answer for this recipient' }
  }
}
