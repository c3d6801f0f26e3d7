/**
 * The text behind DATA, dot-stuffed, and the answer to it. The dot is sent only behind a text that
 * is complete.
 */
import type { TextSource } from '../../message/text-source.ts'
import { endingOf, endOfText, type Ending, stuffDots } from '../../smtp/dot-stuffing.ts'
import { isPositive } from '../../smtp/reply.ts'
import { isFailed } from './command-reply.ts'
import type { SmtpConnection } from './connection.ts'
import { awaitAnswer, type AwaitedText, type TextAnswer } from './text-answer.ts'

/** `replyMs`: also from the final dot to the reply. */
export interface TextToSend extends AwaitedText {
  readonly text: TextSource
  /** Octets without lines: nothing is put behind the last of them. */
  readonly binary: boolean
}

/** `brokenOff`: the text will never be complete, which is not the backend's fault. */
export type TextHeard = TextAnswer | 'brokenOff'

/**
 * Sends the text; `heard` is told the answer. When the text breaks off, or the backend answers in
 * the middle of it, the connection is destroyed before the dot: nothing else makes the backend
 * forget what it has (RFC 5321 4.1.1.4). A refusal in the middle is the answer all the same, for
 * everyone.
 */
export function sendText(
  connection: SmtpConnection,
  order: TextToSend,
  heard: (heard: TextHeard) => void,
): void {
  const whole = order.text.whole()
  if (whole === undefined) return void sendWhileItComes(connection, order).then(heard)
  awaitAnswer(connection, order, heard)
  sendWhole(connection, whole, order.text.dotted !== false)
  connection.limitReply(order.replyMs)
}

/** Never rejects. */
async function sendWhileItComes(connection: SmtpConnection, order: TextToSend): Promise<TextHeard> {
  const answer = Promise.withResolvers<TextAnswer>()
  const first = awaitAnswer(connection, order, answer.resolve)
  const problem = await sendAsItComes(connection, order, () => first() !== undefined)
  const early = first()
  if (problem !== undefined) connection.destroy(problem)
  if (problem === textBrokeOff) return 'brokenOff'
  if (early !== undefined) {
    const yes = !isFailed(early) && isPositive(early)
    return { all: yes ? { failed: 'a yes in the middle of the text' } : early }
  }
  connection.limitReply(order.replyMs)
  return await answer.promise
}

function sendWhole(connection: SmtpConnection, whole: readonly Buffer[], dotted: boolean): void {
  let ending: Ending = 'lineStart'
  const pieces: Buffer[] = []
  for (const chunk of whole) {
    if (dotted) pieces.push(...stuffDots(chunk, ending).parts)
    else pieces.push(chunk)
    ending = endingOf(chunk, ending)
  }
  pieces.push(endOfText(ending))
  connection.writeAll(pieces)
}

/** Why a connection is destroyed whose text will never be complete. */
export const textBrokeOff = 'the text broke off'

/** Undefined when the dot was sent, else why not. */
async function sendAsItComes(
  connection: SmtpConnection,
  { text }: TextToSend,
  answered: () => boolean,
): Promise<string | undefined> {
  const sending = new Sending(connection, text, answered)
  const end = Promise.withResolvers<string | undefined>()
  const pour = text.pour?.({
    take: (chunk) => {
      if (answered()) {
        pour?.stop()
        end.resolve(sending.end())
      } else if (sending.take(chunk)) return true
      else void connection.drained().then(() => pour?.goOn())
      return false
    },
    complete: () => end.resolve(sending.end()),
    brokenOff: () => end.resolve(textBrokeOff),
  })
  return pour === undefined ? await sendChunks(connection, text, sending) : await end.promise
}

/** The same where each chunk has to be waited for. */
async function sendChunks(
  connection: SmtpConnection,
  text: TextSource,
  sending: Sending,
): Promise<string | undefined> {
  try {
    for await (const chunk of text.chunks()) {
      if (sending.answered()) break
      if (!sending.take(chunk)) await connection.drained()
    }
  } catch {
    return textBrokeOff
  }
  return sending.end()
}

/** A text that is dot-stuffed chunk by chunk. */
class Sending {
  readonly #connection: SmtpConnection
  readonly #text: TextSource
  readonly answered: () => boolean
  #ending: Ending = 'lineStart'

  constructor(connection: SmtpConnection, text: TextSource, answered: () => boolean) {
    this.#connection = connection
    this.#text = text
    this.answered = answered
  }

  /** False: no more should follow before the connection has drained. */
  take(chunk: Buffer): boolean {
    if (this.#text.dotted === false) this.#connection.write(chunk)
    else this.#connection.writeAll(stuffDots(chunk, this.#ending).parts)
    this.#ending = endingOf(chunk, this.#ending)
    return !this.#connection.isFull
  }

  /** Undefined when the dot was sent, else why not. */
  end(): string | undefined {
    if (this.answered()) return 'an answer in the middle of the text'
    this.#connection.write(endOfText(this.#ending))
    return undefined
  }
}
