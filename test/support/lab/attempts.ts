/** How a sender came back, as Rcptwise saw it: what the rows of `senders` are held against. */
import type { TransactionFact } from '../../../src/facts/transaction.ts'

export interface ComingBack {
  /** Each attempt came in a connection of its own. */
  readonly eachInAConnection: boolean
  /** Each attempt offered all that the one before had left without an answer for good. */
  readonly allOfTheRest: boolean
  /** Nobody was offered again after an answer for good. */
  readonly nobodyElse: boolean
}

/**
 * What a queueing sender of one message did with the deferrals; its reports of failure (empty
 * reverse-path) are left out.
 */
export function comingBack(
  rcptwise: { readonly transactions: () => readonly TransactionFact[] },
  from: string,
): ComingBack {
  const attempts = rcptwise.transactions().filter(({ reversePath }) => reversePath === from)
  if (attempts.length < 2)
    throw new Error(`${from} has made ${attempts.length} attempts: it never came back`)
  const offered = attempts.map(({ recipients }) => recipients.map(({ address }) => address))
  const open = attempts.map(({ recipients }) =>
    recipients.filter(({ final }) => !final).map(({ address }) => address),
  )
  return {
    eachInAConnection: new Set(attempts.map(({ session }) => session)).size === attempts.length,
    allOfTheRest: open.every((rest, index) =>
      rest.every((address) => offered[index + 1]?.includes(address) === true),
    ),
    nobodyElse: offered.every((addresses, index) => {
      const done = attempts
        .slice(0, index)
        .flatMap(({ recipients }) => recipients.filter(({ final }) => final))
      return done.every(({ address }) => !addresses.includes(address))
    }),
  }
}

/**
 * Which attempts of a sender were delivered to somebody, from 0. With `late` it is the first one
 * alone: who accepts never waits.
 */
export function deliveringAttempts(
  rcptwise: { readonly transactions: () => readonly TransactionFact[] },
  from: string,
): readonly number[] {
  const attempts = rcptwise.transactions().filter(({ reversePath }) => reversePath === from)
  return attempts.flatMap(({ deliveries }, index) => (deliveries.length > 0 ? [index] : []))
}
