/**
 * A source, with the time of its questions told. What is at hand stays at hand: a promise around
 * each recipient's look-up would cost more than it.
 */
import type { FactListener } from '../facts/fact.ts'
import type { Answers, Source } from './policy-source.ts'

export interface TimedOptions {
  /** Gets policiesAsked. */
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
}

export function timed<Found>(source: Source<Found>, { onFact, now }: TimedOptions): Source<Found> {
  const { name } = source
  const tell = (recipients: number, started: number): void =>
    onFact({
      kind: 'policiesAsked',
      at: now(),
      source: name,
      recipients,
      ms: performance.now() - started,
    })
  return {
    name,
    policiesFor(recipients, signal): Answers<Found> {
      const started = performance.now()
      const answers = source.policiesFor(recipients, signal)
      if (answers instanceof Promise) return answers.finally(() => tell(recipients.length, started))
      tell(recipients.length, started)
      return answers
    },
    close: async () => await source.close(),
  }
}
