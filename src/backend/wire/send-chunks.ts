/**
 * A binary text by BDAT (RFC 3030), octet for octet, and the answer to it. LAST is said only behind
 * a text that is complete. A text in memory is one chunk; one in a file is read and sent piece by
 * piece, pipelined where the server allows that (RFC 3030 4.2).
 */
import { isPositive, type Reply, replyClass } from '../../smtp/reply.ts'
import { type ReplyOrFailed, isFailed } from './command-reply.ts'
import type { SmtpConnection } from './connection.ts'
import { textBrokeOff, type TextHeard, type TextToSend } from './send-text.ts'
import { awaitAnswer } from './text-answer.ts'

/**
 * Chunks that may be without an answer, so that a refusal is noticed before the whole text was
 * sent.
 */
const unansweredAtMost = 16

/**
 * Sends the text and hears the answer. Never rejects. When the text breaks off, or a chunk is not
 * taken, the connection is destroyed before LAST: what becomes of a transaction behind a refused
 * chunk is not defined (RFC 3030 2). A refusal of a chunk is the answer, for everyone.
 */
export async function sendInChunks(
  connection: SmtpConnection,
  order: TextToSend,
): Promise<TextHeard> {
  const { text, replyMs, form, recipients } = order
  const whole = text.whole()
  if (whole === undefined) {
    const end = await sendPieces(connection, order)
    if (end !== undefined) return end
  }
  const { answer } = awaitAnswer(connection, form, recipients, replyMs)
  writeChunk(connection, whole ?? [], true)
  connection.limitReply(replyMs)
  return await answer
}

function writeChunk(connection: SmtpConnection, octets: readonly Buffer[], last: boolean): void {
  const length = octets.reduce((sum, { length }) => sum + length, 0)
  connection.cork()
  connection.write(`BDAT ${length}${last ? ' LAST' : ''}\r\n`)
  for (const part of octets) if (part.length > 0) connection.write(part)
  connection.uncork()
}

/**
 * All of the text but LAST; undefined when every chunk was sent and none refused, else how it
 * ended.
 */
async function sendPieces(
  connection: SmtpConnection,
  { text, replyMs }: TextToSend,
): Promise<TextHeard | undefined> {
  const unanswered = connection.pipelines ? unansweredAtMost : 1
  const chunks = new Chunks(connection, replyMs)
  try {
    for await (const chunk of text.chunks()) {
      await chunks.below(unanswered)
      if (chunks.refused !== undefined) break
      chunks.send([chunk])
      await connection.drained()
    }
  } catch {
    connection.destroy(textBrokeOff)
    return 'brokenOff'
  }
  // A refused chunk must not be followed by LAST.
  await chunks.below(1)
  if (chunks.refused === undefined) return undefined
  connection.destroy('a chunk was not taken')
  return { all: chunks.refused }
}

/** Chunks before the last one, and the answers to them. */
class Chunks {
  readonly #connection: SmtpConnection
  readonly #replyMs: number
  #open = 0
  #wake: () => void = () => undefined
  /** The first answer that was no yes. */
  refused: ReplyOrFailed | undefined

  constructor(connection: SmtpConnection, replyMs: number) {
    this.#connection = connection
    this.#replyMs = replyMs
  }

  send(octets: readonly Buffer[]): void {
    this.#open++
    this.#connection.expect((reply) => {
      this.#open--
      if (isFailed(reply) || !isPositive(reply)) this.refused ??= inStep(reply)
      this.#wake()
    })
    writeChunk(this.#connection, octets, false)
    this.#connection.limitReply(this.#replyMs)
  }

  /** Resolves when fewer than so many are without an answer, or one was refused. */
  async below(count: number): Promise<void> {
    while (this.#open >= count && this.refused === undefined)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
  }
}

/** 3yz is no answer to a chunk: the server and we are out of step. */
function inStep(reply: ReplyOrFailed): ReplyOrFailed {
  const outOfStep = (reply: Reply): boolean => replyClass(reply) === 3
  return !isFailed(reply) && outOfStep(reply) ? { failed: '3yz to a chunk' } : reply
}
