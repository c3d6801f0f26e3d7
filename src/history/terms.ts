/**
 * Under what an attempt is found: numbers, made of a kind and a value, in one index for all. A
 * number of 48 bits takes a third of what an address takes; that two values may share one is why
 * the attempt itself is looked at, too.
 */
import { hash } from 'node:crypto'
import type { Attempt } from './attempt.ts'

export type TermKind = 'recipient' | 'sender' | 'messageId' | 'client' | 'split' | 'queueId'

export interface Term {
  readonly kind: TermKind
  readonly value: string
}

const hexDigits = 12

/** Addresses, names and ids are looked for without regard to capitals. */
export const keyOf = (term: Term): number => keyOfName(nameOf(term))

const nameOf = ({ kind, value }: Term): string => `${kind}\0${value.toLowerCase()}`

const keyOfName = (name: string): number =>
  parseInt(hash('sha256', name, 'hex').slice(0, hexDigits), 16)

export function termsOf({
  recipients,
  reversePath,
  messageId,
  client,
  split,
}: Attempt): readonly Term[] {
  const terms: Term[] = [
    { kind: 'sender', value: reversePath },
    { kind: 'client', value: client.address },
  ]
  if (messageId !== undefined) terms.push({ kind: 'messageId', value: messageId })
  if (split !== undefined) terms.push({ kind: 'split', value: split })
  for (const { address, taken } of recipients) {
    terms.push({ kind: 'recipient', value: address })
    if (taken?.queueId !== undefined) terms.push({ kind: 'queueId', value: taken.queueId })
  }
  return terms
}

/** Each once. */
export const keysOf = (attempt: Attempt): readonly number[] => [
  ...new Set([...new Set(termsOf(attempt).map(nameOf))].map(keyOfName)),
]

export const hasTerm = (attempt: Attempt, { kind, value }: Term): boolean =>
  termsOf(attempt).some(
    (term) => term.kind === kind && term.value.toLowerCase() === value.toLowerCase(),
  )
