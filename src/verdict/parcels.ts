/**
 * Which transactions the backend gets for one message: one per distinct result, never more
 * (design).
 */
import type { Verdict } from './verdict.ts'

export type ParcelResult = 'plain' | 'tagged' | 'quarantined'

/** Recipients, by their index in the client's transaction, who get the same bytes. */
export interface Parcel {
  readonly result: ParcelResult
  readonly recipients: readonly number[]
}

const resultOf: Readonly<Record<Verdict, ParcelResult | undefined>> = {
  accept: 'plain',
  tag: 'tagged',
  quarantine: 'quarantined',
  reject: undefined,
  defer: undefined,
}

export interface Granted {
  readonly index: number
  readonly verdict: Verdict
}

/**
 * In the order in which the results first occur, so that a message with one result is one parcel
 * with all recipients in order.
 */
export function parcelsByResult(granted: readonly Granted[]): Parcel[] {
  const parcels = new Map<ParcelResult, number[]>()
  for (const { index, verdict } of granted) {
    const result = resultOf[verdict]
    if (result === undefined) continue
    const recipients = parcels.get(result)
    if (recipients === undefined) parcels.set(result, [index])
    else recipients.push(index)
  }
  return [...parcels].map(([result, recipients]) => ({ result, recipients }))
}

/** For a backend that judges: one transaction per group. */
export function parcelsByGroup(
  recipients: readonly { readonly index: number; readonly group: string }[],
): Parcel[] {
  const parcels = new Map<string, number[]>()
  for (const { index, group } of recipients) {
    const members = parcels.get(group)
    if (members === undefined) parcels.set(group, [index])
    else members.push(index)
  }
  return [...parcels.values()].map((members) => ({ result: 'plain', recipients: members }))
}
