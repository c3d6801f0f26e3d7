/**
 * Which transactions the backend gets for one message: one per distinct text, never more (design).
 */
import { type Revision, sameRevision } from '../message/edits.ts'
import type { Verdict } from './verdict.ts'

export type ParcelResult = 'plain' | 'tagged' | 'quarantined'

/** What a recipient gets. */
export interface Content {
  /** What judges change in the text. */
  readonly revision: Revision
  /** That a tagged text is marked with. */
  readonly score?: number | undefined
}

/** Recipients, by their index in the client's transaction, who get the same bytes. */
export interface Parcel extends Content {
  readonly result: ParcelResult
  readonly recipients: readonly number[]
}

const resultOf: Readonly<Record<Verdict, ParcelResult | undefined>> = {
  accept: 'plain',
  tag: 'tagged',
  quarantine: 'quarantined',
  discard: undefined,
  reject: undefined,
  defer: undefined,
}

/** Gets a parcel at all. */
export const isDelivered = (verdict: Verdict): boolean => resultOf[verdict] !== undefined

export interface Granted extends Content {
  readonly index: number
  readonly verdict: Verdict
  /** Absent: who gets the same bytes shares a transaction, whoever it is. */
  readonly group?: string | undefined
}

interface Growing {
  readonly group: string | undefined
  readonly recipients: number[]
  readonly parcel: Parcel
}

/**
 * In the order in which the contents first occur, so that a message with one is one parcel with all
 * recipients in order.
 */
export function parcelsOf(granted: readonly Granted[]): readonly Parcel[] {
  const parcels: Growing[] = []
  for (const { index, verdict, group, revision, score: its } of granted) {
    const result = resultOf[verdict]
    if (result === undefined) continue
    const marked = result === 'plain' ? undefined : its
    const same = parcels.find(
      ({ group: whose, parcel }) =>
        parcel.result === result &&
        whose === group &&
        parcel.score === marked &&
        sameRevision(parcel.revision, revision),
    )
    if (same !== undefined) same.recipients.push(index)
    else {
      const recipients = [index]
      const score = marked === undefined ? {} : { score: marked }
      parcels.push({ group, recipients, parcel: { result, revision, recipients, ...score } })
    }
  }
  return parcels.map(({ parcel }) => parcel)
}
