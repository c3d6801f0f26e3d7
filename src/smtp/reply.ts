/**
 * A reply as a value: the only way to say something to a client, and the only form a backend's
 * answer takes.
 *
 * The class digit of the enhanced status code is derived from `code`, so a 4yz that carries 5.x.x
 * can't be written (RFC 3463 2, RFC 2034 4). A relayed reply has no `detail`: its enhanced code, if
 * any, stands in its own words.
 */
import { printable, readable } from './octets.ts'

export interface Reply {
  /** Three digits, 200 to 599 (RFC 5321 4.2). */
  readonly code: number
  /**
   * Subject and detail of the enhanced status code, such as `5.3` for X.5.3; absent on 3yz,
   * greeting, EHLO and relays.
   */
  readonly detail?: string
  /** At least one line, without CRLF, code or enhanced code; one character an octet (octets.ts). */
  readonly lines: readonly [string, ...string[]]
}

/** The first digit of a reply's code, which is all that a client may act upon (RFC 5321 4.3.2). */
export type ReplyClass = 2 | 3 | 4 | 5

export function replyClass(reply: Reply): ReplyClass {
  const digit = Math.floor(reply.code / 100)
  return digit === 2 || digit === 3 || digit === 5 ? digit : 4
}

export const isPositive = (reply: Reply): boolean => replyClass(reply) === 2
export const isTransient = (reply: Reply): boolean => replyClass(reply) === 4
export const isPermanent = (reply: Reply): boolean => replyClass(reply) === 5

/**
 * The reply as it stands on the wire, CRLF included. Whoever made its words, they can't end it or
 * begin another one.
 */
export function encodeReply(reply: Reply): string {
  const status = reply.detail === undefined ? '' : `${replyClass(reply)}.${reply.detail} `
  const last = reply.lines.length - 1
  let wire = ''
  for (let i = 0; i <= last; i++)
    wire += `${reply.code}${i === last ? ' ' : '-'}${status}${printable(reply.lines[i] ?? '')}\r\n`
  return wire
}

/**
 * What is made of a reply, for who is asked about the same one several times in turn: of a message
 * whose recipients share an answer.
 */
export function ofLastReply<Made>(make: (reply: Reply) => Made): (reply: Reply) => Made {
  let last: { readonly reply: Reply; readonly made: Made } | undefined
  return (reply) => {
    if (last?.reply !== reply) last = { reply, made: make(reply) }
    return last.made
  }
}

/** The reply on one line, for people. It is told of a delivery, a recipient and a transaction. */
export const describeReply = ofLastReply((reply: Reply): string => {
  const status = reply.detail === undefined ? '' : `${replyClass(reply)}.${reply.detail} `
  return `${reply.code} ${status}${readable(reply.lines.join(' / '))}`
})
