/**
 * Under what an attempt is found: terms, which are a kind and a value, and of each a number in one
 * index for all. That two terms may share a number is why the attempt itself is looked at, too.
 */
import type { Attempt } from './attempt.ts'

const common = ['sender', 'client', 'messageId', 'split'] as const
const ofRecipient = ['recipient', 'queueId'] as const

export type TermKind = (typeof common)[number] | (typeof ofRecipient)[number]

export interface Term {
  readonly kind: TermKind
  readonly value: string
}

/** Values of the common kinds, and those of each recipient; empty where there is none. */
export function valuesOf(attempt: Attempt): readonly string[] {
  const { recipients, reversePath, messageId, client, split } = attempt
  const values = [reversePath, client.address, messageId ?? '', split ?? '']
  for (const { address, taken } of recipients) values.push(address, taken?.queueId ?? '')
  return values
}

/** One may be there twice. Only a sender, or a recipient, may be the empty one. */
export const termsOf = (values: readonly string[]): readonly Term[] =>
  values.flatMap((value, i) => {
    const kind = common[i] ?? ofRecipient[i % ofRecipient.length] ?? 'recipient'
    return value === '' && kind !== 'sender' && kind !== 'recipient' ? [] : [{ kind, value }]
  })

/** Addresses, names and ids are looked for without regard to capitals. */
export const hasTerm = (attempt: Attempt, { kind, value }: Term): boolean =>
  termsOf(valuesOf(attempt)).some(
    (term) => term.kind === kind && term.value.toLowerCase() === value.toLowerCase(),
  )

/** Ten million recipients have some forty million terms: one of 25 shares the key of another. */
export const keyBits = 30

/** `seed`: of the file, so that nobody outside can make names that have the key of another. */
export const keyOf = ({ kind, value }: Term, seed: number): number =>
  hashOf(value.toLowerCase(), hashOf(kind, seed)) >>> (32 - keyBits)

/** FNV-1a of UTF-16, and the end of MurmurHash3, which spreads it over all bits. */
function hashOf(text: string, seed: number): number {
  let hash = seed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
