/**
 * How much of mail addresses the history keeps. Who may not keep them keeps the domain alone, or a
 * keyed hash: whoever asks about an address has it hashed, too, and without the key nobody can try
 * addresses out.
 */
import { createHmac } from 'node:crypto'
import type { Attempt, Closing } from './attempt.ts'
import { attemptsIn, type AttemptsText, writtenOf } from './batch-text.ts'

export type AddressMode = 'full' | 'domain' | 'hash'

/** So many characters of base64url: 96 bits. */
const hashCharacters = 16
const hashMark = 'hash:'

export interface AddressKeeper {
  /** All of each address is kept. */
  readonly keepsAll: boolean
  /** What is kept of it; nothing of it for the empty one, which is that of reports. */
  readonly keep: (address: string) => string
  /** Everything under which the address may be found, whatever `addresses` was when it came. */
  readonly forms: (address: string) => readonly string[]
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@'))

export function addressKeeper(mode: AddressMode, key: Buffer): AddressKeeper {
  const hash = (address: string): string => {
    const digest = createHmac('sha256', key).update(address.toLowerCase()).digest('base64url')
    return hashMark + digest.slice(0, hashCharacters)
  }
  const kept = {
    full: (address: string) => address,
    domain: (address: string) => domainOf(address),
    hash,
  }[mode]
  return {
    keepsAll: mode === 'full',
    keep: (address) => (address === '' ? '' : kept(address)),
    forms: (address) =>
      address === '' ? [''] : [...new Set([address, domainOf(address), hash(address)])],
  }
}

/** In front of and behind an address in a reply. */
const betweenWords = /([\s<>"',;:()[\]]+)/

/** A reply names those whom it is about: there, too, no more of them is kept. */
function replyKeeper({ keep }: AddressKeeper, addresses: readonly string[]) {
  const mailboxes = new Map(
    addresses.map((address) => [address.slice(0, address.lastIndexOf('@')).toLowerCase(), address]),
  )
  mailboxes.delete('')
  return (reply: string): string =>
    reply
      .split(betweenWords)
      .map((word) => {
        if (word.includes('@')) return keep(word)
        const address = mailboxes.get(word.toLowerCase())
        return address === undefined ? word : keep(address)
      })
      .join('')
}

/** The attempt as it is kept. */
export function withAddresses(attempt: Attempt, keeper: AddressKeeper): Attempt {
  if (keeper.keepsAll) return attempt
  const { reversePath, recipients, reply } = attempt
  const inReply = replyKeeper(keeper, [reversePath, ...recipients.map(({ address }) => address)])
  return {
    ...attempt,
    reversePath: keeper.keep(reversePath),
    recipients: recipients.map((recipient) => ({
      ...recipient,
      address: keeper.keep(recipient.address),
      ...(recipient.reply !== undefined && { reply: inReply(recipient.reply) }),
    })),
    ...(reply !== undefined && { reply: inReply(reply) }),
  }
}

/** Attempts as they are kept. */
export const writtenWithAddresses = (written: AttemptsText, keeper: AddressKeeper): AttemptsText =>
  keeper.keepsAll
    ? written
    : writtenOf(attemptsIn(written.text).map((attempt) => withAddresses(attempt, keeper)))

/** The closing as it is kept. */
export const closingWithAddresses = (closing: Closing, { keep }: AddressKeeper): Closing => ({
  ...closing,
  recipients: closing.recipients.map(keep),
})
