/** What one attempt of a sender shows by itself, for the count (count.ts). Pure. */
import type { Blow, Offer, Transaction } from './journal.ts'
import { declaresSize } from './senders.ts'

export const digit = (reply: string): number => Number(reply.charAt(0))
export const ofTheServerBehind = (reply: string): boolean => reply.includes('[behind]')
export const isOurDeferral = (reply: string): boolean =>
  / 4\.5\.3 /.test(reply) && !ofTheServerBehind(reply)

export const isShared = ({ text }: Transaction, reply: string): boolean =>
  text.length === 1 && text[0] === reply

export const lastTold = (transactions: readonly Transaction[], recipient: string): string =>
  transactions
    .flatMap(({ rcpts, text, end }) =>
      rcpts
        .filter(([to]) => to === recipient)
        .map(([, reply]) => `"${reply}", text "${text.at(-1) ?? ''}", ${end}`),
    )
    .at(-1) ?? 'not offered'

/** SIZE of MAIL, where this kind of sender declares it. */
export const sizeTold = ({ sender, octets }: Offer): number | undefined =>
  declaresSize(sender) ? octets : undefined

/** Whom the server behind would take, in the order in which they were offered. */
export const peopleIn = ({ rcpts }: Transaction): string[] =>
  rcpts
    .filter(([, reply]) => digit(reply) === 2 || isOurDeferral(reply))
    .map(([address]) => address)

export const startsWith = (all: readonly string[], first: readonly string[]): boolean =>
  first.every((one, i) => all[i] === one)

/** Nobody else stands before them, in whatever order they are. */
export const comeFirst = (people: readonly string[], all: readonly string[]): boolean =>
  all.slice(0, new Set(people).size).every((one) => people.includes(one))

export const isAnswered = ({ to }: Offer, transactions: readonly Transaction[]): boolean =>
  to.every((address) =>
    transactions.some(({ told }) =>
      told.some(([whom, reply]) => whom === address && digit(reply) !== 4),
    ),
  )

export const waitsAtRcpt = ({ rcpts }: Transaction): boolean =>
  rcpts.some(([, reply]) => isOurDeferral(reply))

export const makesSomebodyWait = (one: Transaction): boolean =>
  waitsAtRcpt(one) || one.told.some(([, reply]) => isOurDeferral(reply))

/** Its sender left before it read the answer to a text that had come whole. */
export const isUnread = ({ text, dot, end }: Transaction): boolean =>
  end !== 'heard' && dot !== undefined && text.length === 0

/**
 * Somebody was deferred by us, nobody was answered for good, and that was not the server's own
 * doing. Who is refused at RCPT got further only where they had waited: a sender that leaves at the
 * first 4yz may offer an unknown address each time. `before`: earlier ones of the same message.
 */
export function madeNoProgress(one: Transaction, before: readonly Transaction[]): boolean {
  const { told, rcpts, end } = one
  const theServers = told.some(([, reply]) => digit(reply) === 4 && !isOurDeferral(reply))
  const neverWaited = (address: string): boolean =>
    rcpts.some(([to, reply]) => to === address && digit(reply) === 5) &&
    !before.some((earlier) => makesWait(earlier, address))
  const someone = told.some(([to, reply]) => digit(reply) !== 4 && !neverWaited(to))
  return makesSomebodyWait(one) && !someone && (end === 'left' || !theServers)
}

/** They were deferred by us, or went through with a text that was told to come again. */
const makesWait = ({ rcpts, dot }: Transaction, address: string): boolean =>
  rcpts.some(
    ([to, reply]) =>
      to === address && (isOurDeferral(reply) || (digit(reply) === 2 && dot !== undefined)),
  )

/** Its text came whole, and was told to come again; or its sender left before it heard that. */
export const isKnownByText = ({ text, dot }: Transaction): boolean =>
  text.length === 0 ? dot !== undefined : isOurDeferral(text.at(-1) ?? '')

/** Ends the process that has this transaction. */
export const endsFront =
  (transaction: Transaction) =>
  ({ front, how }: Blow): boolean =>
    front === transaction.front && (how === 'SIGKILL' || how === 'SIGTERM')
