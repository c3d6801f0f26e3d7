/**
 * From the text to the answer, step by step. Each step holds what has been made up to it, and
 * nothing that is still to come; which one it is says what is being waited for.
 *
 *     text ─┬─▶ awaitingOthers ─▶ ┐
 *           ├─────────────────────┴─┬─▶ vouching ────────┐
 *           │                       ├─▶ preparingReport ─┤
 *           └─ streaming ───────────┴────────────────────┴─▶ delivering ─┬─▶ reporting ─┐
 *                                                                        └──────────────┴─▶ ready
 */
import type { VouchedBy } from '../sender-auth/sender-auth.ts'
import type { Outcome } from '../verdict/answer.ts'
import type { Findings } from '../verdict/judgement.ts'
import type { Parcel } from '../verdict/parcels.ts'
import type { ParcelReply } from './effects.ts'

/** What the backend has of a text that is still coming in. */
export type Upstream =
  | { readonly way: 'kept' }
  | (Streamed & { readonly way: 'streaming' })
  /** It has answered before the end; its answer is told behind the text. */
  | (Streamed & { readonly way: 'answered'; readonly results: readonly ParcelReply[] })

/** Judged and ordered before the text was complete. */
export interface Streamed {
  readonly findings: Findings
  readonly judgedAt: number
  readonly parcels: readonly Parcel[]
}

export interface CompleteText {
  readonly sizeBytes: number
  readonly endedAt: number
}

/** A text that is complete, and what the judges say of it. */
export interface Judged extends CompleteText {
  readonly findings: Findings
  readonly judgedAt: number
}

/** `bounce`: whether the sender can be told of refusals in a report. */
export type Report = { readonly kind: 'none' } | { readonly kind: 'ready'; readonly by: VouchedBy }

export const noReport: Report = { kind: 'none' }

/**
 * While the backend is asked the client may go: nobody hears the answer, and it is written down
 * instead (RFC 1047). `maybe gone`: it has closed its side, and the answer is said, too.
 */
export type Presence = 'there' | 'maybe gone' | 'gone'

/** Whoever else is at delivering this very message has to be through first. */
export interface AwaitingOthers {
  readonly at: 'awaitingOthers'
  readonly judged: Judged
}

/** SPF and DKIM are asked. */
export interface Vouching {
  readonly at: 'vouching'
  readonly judged: Judged
}

/** It is asked whether refusals can be reported. */
export interface PreparingReport {
  readonly at: 'preparingReport'
  readonly judged: Judged
}

/** The backend was asked to take the parcels. */
export interface Delivering {
  readonly at: 'delivering'
  readonly judged: Judged
  readonly report: Report
  readonly parcels: readonly Parcel[]
  readonly client: Presence
}

/** Every parcel was answered; the report of the refusals has to be with the backend first. */
export interface Reporting {
  readonly at: 'reporting'
  readonly judged: Judged
  readonly by: VouchedBy
  readonly parcels: readonly Parcel[]
  readonly results: Results
  readonly client: Presence
}

export type Step = AwaitingOthers | Vouching | PreparingReport | Delivering | Reporting

/** What the backend has made of the parcels. */
export interface Results {
  readonly replies: readonly ParcelReply[]
  /** Of those who went through, in their order. */
  readonly outcomes: readonly Outcome[]
  /** Of those whom the text was delivered to although they were deferred. */
  readonly judgedAnyway: readonly Outcome[]
}
