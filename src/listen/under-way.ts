/**
 * A return that comes while an earlier attempt of the message is still being delivered: by this
 * process, another worker, or another front-end with the same ledger. Delivering it once more would
 * double it, so the outcome is waited for. What a process that is gone was at is not known to have
 * arrived, and is not waited for.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger } from '../ledger/ledger.ts'
import type { Split, SplitRecipient } from '../split/split.ts'
import { isGone, isHere } from './deliverer.ts'

export interface UnderWayOptions {
  readonly ledger: Pick<Ledger, 'find'>
  /** ms since the epoch. */
  readonly now: () => number
  /** How long the outcome is waited for. */
  readonly limitMs: number
  /** A delivery is over this long after its beginning. */
  readonly answerMs: number
  /** Nobody waits any more. */
  readonly isOver: () => boolean
  /** ms since any moment, by a clock that nobody can set; performance.now unless set. */
  readonly steady?: () => number
  /** Waits so many ms; a timer unless set. */
  readonly pause?: (ms: number) => Promise<unknown>
}

export interface Settled {
  readonly settled: boolean
  /** As the ledger has it; absent when it was dropped. */
  readonly split?: Split
}

/** Between two looks into the ledger: at first often, since most servers answer within a second. */
const firstLookMs = 25
const longestLookMs = 1000

export async function untilSettled(
  { split: id, recipients }: { readonly split: string; readonly recipients: readonly string[] },
  { ledger, now, limitMs, answerMs, isOver, ...time }: UnderWayOptions,
): Promise<Settled> {
  const { steady = (): number => performance.now(), pause = sleep } = time
  const of = new Set(recipients)
  const until = steady() + limitMs
  for (let lookMs = firstLookMs; ; lookMs = Math.min(2 * lookMs, longestLookMs)) {
    const split = await ledger.find(id)
    if (split === undefined) return { settled: true }
    if (
      !split.recipients.some(
        (recipient) => of.has(recipient.address) && isUnderWay(recipient, now(), answerMs),
      )
    )
      return { settled: true, split }
    if (steady() >= until) return { settled: false, split }
    await pause(Math.min(lookMs, Math.max(0, until - steady())))
    // The ledger may be closed by now.
    if (isOver()) return { settled: false, split }
  }
}

/**
 * Of another machine nobody knows whether it lives. Its clock may be another one by minutes; what
 * should be over much later than any delivery was begun before a clock was set back, and is not
 * waited for until then.
 */
const isUnderWay = ({ state, by }: SplitRecipient, at: number, answerMs: number): boolean =>
  state === 'delivering' &&
  by !== undefined &&
  by.until > at &&
  !isGone(by.process) &&
  (isHere(by.process) || by.until - at <= 2 * answerMs)
