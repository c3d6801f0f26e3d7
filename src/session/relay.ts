/**
 * The backend's replies on their way to the client: its words, in a form that a sender survives.
 */
import { type Reply, replyClass } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'

const enhanced = /^[245]\.[0-9]{1,3}\.[0-9]{1,3}(?: |$)/

/**
 * Yes is exactly 250: some senders lose a recipient to 251 (protocol-reference 5.2). 421 becomes
 * 451: it would make the client leave, and stalls hosts (rule 3). Anything that is no answer here
 * is `instead`. A reply without enhanced status code gets that of `instead`'s kind, since
 * ENHANCEDSTATUSCODES is offered (RFC 2034 4).
 */
export function forClient(reply: Reply, instead: Reply): Reply {
  switch (replyClass(reply)) {
    case 2:
      return withStatus(isPlainYes(reply) ? reply : { code: 250, lines: reply.lines }, instead)
    case 3:
      return replies.backendNonsense
    case 4:
      return withStatus(reply.code === 421 ? { code: 451, lines: reply.lines } : reply, instead)
    case 5:
      return withStatus(reply, instead)
  }
}

const isPlainYes = ({ code, detail }: Reply): boolean => code === 250 && detail === undefined

function withStatus(reply: Reply, instead: Reply): Reply {
  if (reply.detail !== undefined || enhanced.test(reply.lines[0])) return reply
  const detail = replyClass(instead) === replyClass(reply) ? instead.detail : undefined
  return { ...reply, detail: detail ?? '0.0' }
}
