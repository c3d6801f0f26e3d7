/**
 * A text by BDAT (RFC 3030), octet for octet, and the answer to it. LAST is said only behind a text
 * that is complete. A text in memory is one chunk; one in a file is read and sent piece by piece,
 * pipelined where the server allows that (RFC 3030 4.2). A text of lines ends with a line, as it
 * would behind DATA.
 */
import { isPositive, type Reply, replyClass } from '../../smtp/reply.ts'
import { type Ending, endingOf } from '../../smtp/dot-stuffing.ts'
import { toOctets } from '../../smtp/octets.ts'
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
 * Sends the text; `heard` is told the answer. When the text breaks off, or a chunk is not taken,
 * the connection is destroyed before LAST: what becomes of a transaction behind a refused chunk is
 * not defined (RFC 3030 2). A refusal of a chunk is the answer, for everyone.
 */
export function sendInChunks(
  connection: SmtpConnection,
  order: TextToSend,
  heard: (heard: TextHeard) => void,
): void {
  const sendLast = (last: readonly Buffer[] | TextHeard): void => {
    if (!isOctets(last)) return heard(last)
    awaitAnswer(connection, order, heard)
    writeChunk(connection, last, true)
    connection.limitReply(order.replyMs)
  }
  const whole = order.text.whole()
  if (whole === undefined) void sendPieces(connection, order).then(sendLast)
  else sendLast(ended(whole, order))
}

const isOctets = (sent: readonly Buffer[] | TextHeard): sent is readonly Buffer[] =>
  Array.isArray(sent)

const lineEnd = toOctets('\r\n')

/** What goes with LAST, with the CRLF that the last line may lack. */
function ended(
  octets: readonly Buffer[],
  { binary }: TextToSend,
  before: Ending = 'lineStart',
): readonly Buffer[] {
  if (binary) return octets
  const ending = octets.reduce((so, part) => endingOf(part, so), before)
  return ending === 'lineStart' ? octets : [...octets, lineEnd]
}

function writeChunk(connection: SmtpConnection, octets: readonly Buffer[], last: boolean): void {
  const length = octets.reduce((sum, { length }) => sum + length, 0)
  connection.writeAll([toOctets(`BDAT ${length}${last ? ' LAST' : ''}\r\n`), ...octets])
}

/**
 * The text but for what goes with LAST, which is given where every chunk was sent and none refused;
 * else how it ended.
 */
async function sendPieces(
  connection: SmtpConnection,
  order: TextToSend,
): Promise<readonly Buffer[] | TextHeard> {
  const { text, replyMs } = order
  const unanswered = connection.pipelines ? unansweredAtMost : 1
  const chunks = new Chunks(connection, replyMs)
  let held: Buffer | undefined
  let before: Ending = 'lineStart'
  try {
    for await (const chunk of text.chunks()) {
      await chunks.below(unanswered)
      if (chunks.refused !== undefined) break
      if (held !== undefined) {
        chunks.send([held])
        before = endingOf(held, before)
      }
      held = chunk
      if (connection.isFull) await connection.drained()
    }
  } catch {
    connection.destroy(textBrokeOff)
    return 'brokenOff'
  }
  // A refused chunk must not be followed by LAST.
  await chunks.below(1)
  if (chunks.refused === undefined) return ended(held === undefined ? [] : [held], order, before)
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
