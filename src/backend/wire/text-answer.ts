/**
 * What is said to a text, behind its final dot: one reply for all of its recipients, or one for
 * each.
 */
import { isPositive, type Reply, replyClass } from '../../smtp/reply.ts'
import { type ReplyOrFailed, isFailed } from './command-reply.ts'
import type { SmtpConnection } from './connection.ts'

/**
 * How a text is answered. `one`: by one reply. `each`: by one reply per accepted RCPT, in order
 * (LMTP, RFC 2033 4.2). `block`: as the server likes, by one reply or by 353, one per accepted RCPT
 * and a final one (PRDR, draft-hall-prdr-00 4.4).
 */
export type AnswerForm = 'one' | 'each' | 'block'

/**
 * `unclear`: nobody can say whom the replies are for, though the server may have taken the text for
 * some.
 */
export type TextAnswer =
  | { readonly all: ReplyOrFailed }
  | { readonly each: readonly ReplyOrFailed[] }
  | { readonly unclear: string }

export interface AwaitedText {
  readonly form: AnswerForm
  /** Whom the server has accepted for this text. */
  readonly recipients: number
  /** From one reply to the next, in ms. */
  readonly replyMs: number
}

/**
 * Awaits what `connection` has to say of a text. Without a time limit, until `limitReply` sets one.
 * Gives what tells the first reply, once it is there.
 */
export function awaitAnswer(
  connection: SmtpConnection,
  { form, recipients, replyMs }: AwaitedText,
  answered: (answer: TextAnswer) => void,
): () => ReplyOrFailed | undefined {
  let first: ReplyOrFailed | undefined
  const each: ReplyOrFailed[] = []
  const onReply = (reply: ReplyOrFailed): void => {
    first ??= reply
    if (form === 'block' && !isFailed(reply) && reply.code === 353)
      return awaitBlock(connection, recipients, replyMs, answered)
    if (form !== 'each') return answered({ all: reply })
    each.push(reply)
    if (each.length === recipients) answered({ each })
  }
  for (let left = form === 'each' ? recipients : 1; left > 0; left--) connection.expect(onReply)
  return () => first
}

/**
 * Codes that answer a question for help (RFC 5321 4.2.2), and none that is asked about a recipient.
 */
const helpCodes: ReadonlySet<number> = new Set([211, 214, 500, 502])

/**
 * Behind 353. Exim says nothing of recipients that its ACL has discarded, so a block may be too
 * short, and then nobody would know for ten minutes: HELP is asked behind it, and its answer ends
 * the block in any case.
 */
function awaitBlock(
  connection: SmtpConnection,
  recipients: number,
  replyMs: number,
  answered: (answer: TextAnswer) => void,
): void {
  const lines: ReplyOrFailed[] = []
  let over = false
  const line = (reply: ReplyOrFailed): void => {
    if (over) return
    const short = !isFailed(reply) && helpCodes.has(reply.code) && lines.length > 0
    if (!short) lines.push(reply)
    if (!short && lines.length <= recipients) return
    over = true
    if (short) connection.destroy('a PRDR block with too few lines')
  }
  for (let left = recipients + 1; left > 0; left--) connection.expect(line)
  connection.limitReply(replyMs)
  // The last that is awaited on this connection, whether it is answered or lost.
  connection.command('HELP', () => answered(readBlock(lines, recipients)))
}

/** The lines behind 353, the final one included: it comes first (draft-hall-prdr-00 4.6). */
export function readBlock(lines: readonly ReplyOrFailed[], recipients: number): TextAnswer {
  const lost = lines.find(isFailed)
  const replies = lines.filter((line): line is Reply => !isFailed(line))
  const final = replies.pop()
  if (lost !== undefined || final === undefined)
    return { all: lost ?? { failed: 'a PRDR block without lines' } }
  const each = replies.map((line) => (isPositive(line) && !isPositive(final) ? final : line))
  if (each.length === recipients) return { each }
  // Discarded recipients have no line; where all lines agree it does not matter whom they are for.
  const [one = final] = each
  if (each.every((line) => replyClass(line) === replyClass(one))) return { all: one }
  return { unclear: `353 was followed by ${each.length} lines for ${recipients} recipients` }
}
