/**
 * A reply as a split keeps it once it was given: for people, since nobody is told it again. Pure.
 */
import { type Reply, replyClass } from '../smtp/reply.ts'
import { readable } from '../smtp/octets.ts'

export interface KeptReply {
  readonly code: number
  /** The enhanced status code, such as `5.7.1`. */
  readonly status?: string
  /** Without both codes, lines joined by ` / `; at most `keptTextCharacters`. */
  readonly text: string
}

/** Whoever makes a server say much, can't make the ledger grow by it. */
export const keptTextCharacters = 200

const relayedStatus = /^([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)/

export function keepReply(reply: Reply): KeptReply {
  const { code, detail, lines } = reply
  const [, relayed] = detail === undefined ? (relayedStatus.exec(lines[0]) ?? []) : []
  const status = detail === undefined ? relayed : `${replyClass(reply)}.${detail}`
  const words = lines.map((line) =>
    relayed !== undefined && line.startsWith(relayed) ? line.slice(relayed.length + 1) : line,
  )
  const text = cut(readable(words.join(' / ')))
  return status === undefined ? { code, text } : { code, status, text }
}

const cut = (text: string): string =>
  text.length <= keptTextCharacters
    ? text
    : `${text.slice(0, keptTextCharacters - 1).replace(/[\ud800-\udbff]$/, '')}…`

export const describeKept = ({
  code,
  status,
  text,
}: {
  readonly code: number
  readonly status?: string | undefined
  readonly text: string
}): string =>
  [String(code), status, text].filter((part) => part !== undefined && part !== '').join(' ')
