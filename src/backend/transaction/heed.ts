/**
 * What a session is told for a server's reply: one that is about us, or the server's setup, is no
 * refusal of the message.
 */
import type { FactListener } from '../../facts/fact.ts'
import { describeReply, isPermanent, type Reply } from '../../smtp/reply.ts'
import { replies } from '../../smtp/replies.ts'
import { isAboutUs, type Login, type RefusedStep } from '../wire/about-us.ts'
import { type ClientAddressMode, tellsClient } from '../wire/tell-client.ts'
import type { Lent } from '../pool/lending.ts'

export interface HeedOptions {
  /** The id of the client's transaction. */
  readonly transaction: string
  readonly clientAddress: ClientAddressMode
  /** Whether the client has a login at the server. */
  readonly login: Login
  readonly onFact: FactListener
  readonly now: () => number
}

/** What was said, and the argument of the command that it answers. */
export interface Answered {
  readonly step: Exclude<RefusedStep, 'auth'>
  readonly argument?: string
}

export function heed(
  options: HeedOptions,
  { connection, server }: Lent,
  answered: Answered,
  reply: Reply,
): Reply {
  if (!isPermanent(reply)) return reply
  const { step, argument = '' } = answered
  const { transaction, clientAddress, login, onFact, now } = options
  const { clear, seen } = connection
  const parameters = argument.includes('> ')
  const circumstances = {
    step,
    parameters,
    login,
    clear,
    ...(!tellsClient(clientAddress) && { seen }),
  }
  if (!isAboutUs(reply, circumstances)) return reply
  onFact({
    kind: 'backendRefusesUs',
    at: now(),
    transaction,
    server,
    step,
    reply: describeReply(reply),
  })
  connection.errors = Infinity // who is out of step stays so: not for another message
  return replies.backendRefusesUs
}

/** Of each recipient's own reply to a text. */
export function heedEach(
  options: HeedOptions,
  lent: Lent,
  own: ReadonlyMap<number, Reply>,
): ReadonlyMap<number, Reply> {
  return own.size === 0
    ? own
    : new Map(
        [...own].map(([index, reply]) => [index, heed(options, lent, { step: 'text' }, reply)]),
      )
}
