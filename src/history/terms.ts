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
export function keysOf(attempt: Attempt): readonly number[] {
  const keys = new Set<number>()
  for (const { kind, value } of termsOf(attempt)) {
    const name = nameOf({ kind, value })
    keys.add(comesAgain[kind] ? knownKeyOf(name) : keyOfName(name))
  }
  return [...keys]
}

/** Senders, recipients and clients come again; the others are of one message. */
const comesAgain: Readonly<Record<TermKind, boolean>> = {
  sender: true,
  recipient: true,
  client: true,
  messageId: false,
  split: false,
  queueId: false,
}

/** To make one of a name takes four times as long as to look it up. */
const knownKeys = new Map<string, number>()
/** Then they are forgotten: names are up to 300 characters long. */
const mostKnown = 4096

function knownKeyOf(name: string): number {
  const known = knownKeys.get(name)
  if (known !== undefined) return known
  if (knownKeys.size >= mostKnown) knownKeys.clear()
  const key = keyOfName(name)
  knownKeys.set(name, key)
  return key
}

export const hasTerm = (attempt: Attempt, { kind, value }: Term): boolean =>
  termsOf(attempt).some(
    (term) => term.kind === kind && term.value.toLowerCase() === value.toLowerCase(),
  )
