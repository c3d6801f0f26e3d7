/** What is said to a server on a connection that was lent, and what comes back for it. */
import { isPermanent, type Reply, replyClass } from '../../smtp/reply.ts'
import { replies } from '../../smtp/replies.ts'
import type { ReplyOrFailed } from '../wire/command-reply.ts'
import type { Lent } from '../pool/lending.ts'
import { argumentFor } from '../wire/needs.ts'
import type { AnswerForm } from '../wire/text-answer.ts'

export async function command(lent: Lent, line: string): Promise<ReplyOrFailed> {
  return await new Promise((resolve) => lent.connection.command(line, resolve))
}

/** A reply in place of a line: what it would need is not offered, and nothing is sent. */
export async function say(lent: Lent, line: string | Reply): Promise<ReplyOrFailed> {
  return typeof line === 'string' ? await command(lent, line) : line
}

/** With no parameter that the server did not offer; a reply when it can't do without. */
export function mailLine({ connection }: Lent, argument: string, form: AnswerForm): string | Reply {
  const known = argumentFor(argument, connection.extensions)
  if (typeof known !== 'string') return known
  return form === 'block' ? `MAIL FROM:${known} PRDR` : `MAIL FROM:${known}`
}

/**
 * Taken when it was shown first and refused now: between two opinions nobody is told a final no.
 */
export function secondOpinion(reply: Reply): Reply {
  return isPermanent(reply) || replyClass(reply) === 3 ? replies.backendNonsense : reply
}
