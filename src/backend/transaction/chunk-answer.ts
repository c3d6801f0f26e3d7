/** What a server says to a text that went by BDAT though the client knows of no chunk. Pure. */
import { isPositive, type Reply } from '../../smtp/reply.ts'
import { isFailed } from '../wire/command-reply.ts'
import type { TextHeard } from '../wire/send-text.ts'
import type { TextAnswer } from '../wire/text-answer.ts'

function replyOf(heard: TextHeard): Reply | undefined {
  if (typeof heard === 'string' || !('all' in heard) || isFailed(heard.all)) return undefined
  return heard.all
}

/** A yes to the text, for all: its transaction is over. */
export function isTaken(heard: TextHeard): boolean {
  const reply = replyOf(heard)
  return reply !== undefined && isPositive(reply)
}

/**
 * The server offers CHUNKING and does not know BDAT, so that it takes the text for commands: not a
 * word of what it says is about the message.
 */
export function unknownCommand(heard: TextHeard): TextAnswer | undefined {
  const code = replyOf(heard)?.code ?? 0
  return code >= 500 && code <= 504 ? { all: { failed: `${code} to BDAT` } } : undefined
}

/**
 * Exim says how long the chunk was, and then what it says behind DATA: the client, who knows of no
 * chunk, hears the latter.
 */
export function withoutChunkLines(heard: TextHeard): TextHeard {
  const reply = replyOf(heard)
  const last = reply?.lines.at(-1)
  if (reply === undefined || last === undefined || !isPositive(reply)) return heard
  return { all: { ...reply, lines: [last] } }
}
