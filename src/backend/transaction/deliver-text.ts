/**
 * The text, for one parcel after the other: by the envelope that was shown where it is the
 * parcel's, else by one that is shown anew (RSET, MAIL, RCPT in one write). A server that answers
 * each recipient (LMTP, or PRDR where it was asked for) gets parcels with the same octets in one.
 */
import { revised } from '../../message/revised-text.ts'
import type { TextSource } from '../../message/text-source.ts'
import { isPositive, type Reply, replyClass } from '../../smtp/reply.ts'
import { replies } from '../../smtp/replies.ts'
import type { DeliveryOrder, ParcelListener, ParcelResultReply } from '../backend.ts'
import type { Lent } from '../pool/lending.ts'
import { isFailed } from '../wire/command-reply.ts'
import { argumentFor } from '../wire/needs.ts'
import { sendInChunks } from '../wire/send-chunks.ts'
import { sendText } from '../wire/send-text.ts'
import { isTaken, unknownCommand, withoutChunkLines } from './chunk-answer.ts'
import { heed, heedEach } from './heed.ts'
import type { LineAtHand, LineOptions } from './line-at-hand.ts'
import { command, mailLine, say, secondOpinion } from './lines.ts'
import {
  answerOf,
  lostIn,
  mergeParcels,
  outOfStep,
  type Parcel,
  type ParcelAnswer,
  readAnswer,
  sameForAll,
  takeBatch,
} from './parcel-batch.ts'

export interface TextDeliveryOptions extends LineOptions {
  /** From the final dot to the reply. */
  readonly deliveryTimeoutMs: number
  /**
   * Servers that get no text by BDAT though they offer CHUNKING; one is added when it does not know
   * the command. Absent: none gets one.
   */
  readonly withoutChunking?: Set<string> | undefined
}

/** Recipients of a parcel who were refused when its envelope was shown anew. */
type Refused = ReadonlyMap<number, Reply>
const nobody: Refused = new Map()

export class TextDelivery {
  readonly #options: TextDeliveryOptions
  readonly #line: LineAtHand
  #committing = false

  constructor(options: TextDeliveryOptions, line: LineAtHand) {
    this.#options = options
    this.#line = line
  }

  /** A text is being given to the backend, or was: it may have taken it. */
  get committing(): boolean {
    return this.#committing
  }

  /** One result per parcel, in order; `onResult` hears of each as soon as it is there. */
  async deliver(
    order: DeliveryOrder,
    text: TextSource,
    onResult?: ParcelListener,
  ): Promise<readonly ParcelResultReply[]> {
    const { transaction, onFact, now } = this.#options
    const { parcels } = order
    const results: ParcelResultReply[] = []
    while (results.length < parcels.length) {
      const answersEach = parcels.length - results.length > 1 && (await this.#answersEach())
      const batch = takeBatch(parcels, results.length, answersEach)
      const started = now()
      const { answer, server } = await this.#deliverParcel(order, mergeParcels(batch), text)
      const ms = now() - started
      for (const parcel of batch) {
        const result = { ...answerOf(parcel, answer), ms }
        onResult?.(results.length, result)
        results.push(result)
      }
      const { code } = answer.reply
      if (server !== undefined)
        onFact({ kind: 'backendDelivered', at: now(), transaction, server, code, ms })
    }
    return results
  }

  /** Would the next text be answered recipient by recipient? */
  async #answersEach(): Promise<boolean> {
    const line = this.#line
    const lent = await line.alive()
    return lent !== undefined && (line.open === 'shown' ? line.form : line.formAt(lent)) !== 'one'
  }

  async #deliverParcel(
    order: DeliveryOrder,
    parcel: Parcel | undefined,
    text: TextSource,
  ): Promise<{ readonly answer: ParcelAnswer; readonly server?: string }> {
    if (parcel === undefined) return { answer: sameForAll(replies.backendNonsense) }
    let refused = nobody
    if (!this.#stands(order, parcel)) {
      const shown = await this.#showAnew(order.mail, parcel)
      if (shown.reply !== undefined) return { answer: { reply: shown.reply, own: shown.refused } }
      ;({ refused } = shown)
    }
    const { lent } = this.#line
    if (lent === undefined || this.#line.isOver())
      return { answer: { reply: replies.backendLost, own: refused } }
    return { answer: await this.#data(lent, { parcel, refused }, text), server: lent.server }
  }

  /** The envelope that the backend has is that of the parcel. */
  #stands({ shown }: DeliveryOrder, parcel: Parcel): boolean {
    const { open, lent } = this.#line
    if (open !== 'shown' || lent?.connection.alive !== true || parcel.redirected) return false
    return (
      shown.length === parcel.recipients.length &&
      shown.every((index, i) => parcel.recipients[i]?.index === index)
    )
  }

  /**
   * Shows the envelope of one parcel, on the connection at hand or another one. A reply: the parcel
   * ends here.
   */
  async #showAnew(mail: string, parcel: Parcel): Promise<{ refused: Refused; reply?: Reply }> {
    const line = this.#line
    const lent = await line.alive()
    if (lent === undefined) return { refused: nobody, reply: replies.backendUnavailable }
    line.begin(lent, 'anew')
    const answers = [say(lent, mailLine(lent, mail, line.form))]
    for (const { argument } of parcel.recipients) {
      const known = argumentFor(argument, lent.connection.extensions)
      answers.push(say(lent, typeof known === 'string' ? `RCPT TO:${known}` : known))
    }
    const [mailReply, ...rcptReplies] = await Promise.all(answers)
    if (line.isOver()) return { refused: nobody, reply: replies.backendLost }
    if (mailReply === undefined || isFailed(mailReply))
      return { refused: nobody, reply: line.lostAt(lent, 'mail', mailReply?.failed ?? '') }
    if (!isPositive(mailReply)) {
      const answered = { step: 'mail', argument: mail } as const
      const reply = secondOpinion(heed(this.#options, lent, answered, mailReply))
      return { refused: nobody, reply }
    }
    const refused = new Map<number, Reply>()
    parcel.recipients.forEach(({ index, argument }, i) => {
      const answer = rcptReplies[i]
      const answered = { step: 'rcpt', argument } as const
      if (answer === undefined || isFailed(answer))
        refused.set(index, line.lostAt(lent, 'rcpt', answer?.failed ?? ''))
      else if (!isPositive(answer))
        refused.set(index, secondOpinion(heed(this.#options, lent, answered, answer)))
    })
    const [first] = refused.values()
    return first !== undefined && refused.size === parcel.recipients.length
      ? { refused, reply: first }
      : { refused }
  }

  async #data(
    lent: Lent,
    { parcel, refused }: { readonly parcel: Parcel; readonly refused: Refused },
    text: TextSource,
  ): Promise<ParcelAnswer> {
    const line = this.#line
    const { connection, server } = lent
    // A binary text never goes by DATA: a line in it that holds a dot alone would end it (RFC 3030
    // 3).
    const binary = line.needs?.must.includes('BINARYMIME') === true
    const chunks = binary || this.#mayGoInChunks(lent, text)
    const refusal = chunks ? undefined : await this.#askForText(lent)
    if (refusal !== undefined) return { reply: refusal, own: refused }
    line.open = 'text'
    const recipients = parcel.recipients.flatMap(({ index }) => (refused.has(index) ? [] : [index]))
    this.#committing = true
    const { deliveryTimeoutMs: replyMs, withoutPrdr, withoutChunking } = this.#options
    const send = chunks ? sendInChunks : sendText
    const { form } = line
    const heard = await send(connection, {
      text: revised(text, parcel.edits),
      replyMs,
      form,
      recipients: recipients.length,
      binary,
    })
    const unknown = chunks ? unknownCommand(heard) : undefined
    if (unknown !== undefined) withoutChunking?.add(server)
    const answer = unknown ?? (chunks ? withoutChunkLines(heard) : heard)
    // What is left behind a chunk that was refused is not defined: RSET before anything else (RFC
    // 3030 2).
    line.open = chunks && !isTaken(answer) ? 'anew' : 'nothing'
    if (answer === 'brokenOff') return { reply: replies.backendLost, own: refused }
    if ('unclear' in answer) withoutPrdr?.add(server)
    const trouble = lostIn(answer) ?? outOfStep(answer)
    if (trouble !== undefined) {
      if (!line.isOver()) line.lostAt(lent, 'text', trouble)
      connection.destroy(trouble)
    }
    const { reply, own } = readAnswer(answer, recipients)
    return {
      reply: heed(this.#options, lent, { step: 'text' }, reply),
      own: new Map([...refused, ...heedEach(this.#options, lent, own)]),
    }
  }

  /**
   * One step less: no 354 is waited for (RFC 3030). A text that is still coming, or is in a file,
   * goes behind DATA: its chunks would be answered one by one.
   */
  #mayGoInChunks({ connection, server }: Lent, text: TextSource): boolean {
    return (
      this.#options.withoutChunking?.has(server) === false &&
      this.#line.form === 'one' &&
      connection.extensions.has('CHUNKING') &&
      text.whole() !== undefined
    )
  }

  /** DATA. A reply: the parcel ends here. */
  async #askForText(lent: Lent): Promise<Reply | undefined> {
    const line = this.#line
    const envelope = line.open
    line.open = 'text'
    const go = await command(lent, 'DATA')
    if (isFailed(go)) return this.#dataLost(lent, go.failed)
    if (replyClass(go) === 3) return undefined
    line.open = envelope
    if (!isPositive(go)) return heed(this.#options, lent, { step: 'data' }, go)
    lent.connection.destroy('2yz to DATA')
    return this.#dataLost(lent, 'the answer to DATA was neither 354 nor a refusal')
  }

  /** The connection has ended, and with it whatever was open. */
  #dataLost(lent: Lent, why: string): Reply {
    this.#line.open = 'nothing'
    return this.#line.isOver() ? replies.backendLost : this.#line.lostAt(lent, 'data', why)
  }
}
