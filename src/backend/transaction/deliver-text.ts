/**
 * The text, for one parcel after the other: by the envelope that was shown where it is the
 * parcel's, else by one that is shown anew (RSET, MAIL, RCPT in one write). A server that answers
 * each recipient (LMTP, or PRDR where it was asked for) gets parcels with the same octets in one.
 */
import { inMicrotask } from '../../loop/microtask.ts'
import { revised } from '../../message/revised-text.ts'
import type { TextSource } from '../../message/text-source.ts'
import { isPositive, type Reply, replyClass } from '../../smtp/reply.ts'
import { replies } from '../../smtp/replies.ts'
import type { DeliveryListener, DeliveryOrder, ParcelResultReply } from '../backend.ts'
import type { Lent } from '../pool/lending.ts'
import { isFailed, type ReplyOrFailed } from '../wire/command-reply.ts'
import { argumentFor } from '../wire/needs.ts'
import { sendInChunks } from '../wire/send-chunks.ts'
import { sendText, type TextHeard } from '../wire/send-text.ts'
import { isTaken, unknownCommand, withoutChunkLines } from './chunk-answer.ts'
import { heed, heedEach } from './heed.ts'
import type { LineAtHand, LineOptions, OpenAtBackend } from './line-at-hand.ts'
import { mailLine, say, secondOpinion } from './lines.ts'
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

interface Delivery {
  readonly order: DeliveryOrder
  readonly text: TextSource
  readonly listener: DeliveryListener
  readonly results: ParcelResultReply[]
}

/** `server`: the one that was asked to take the text. */
interface AnsweredParcel {
  readonly answer: ParcelAnswer
  readonly server?: string
}

interface GivenText {
  readonly parcel: Parcel
  readonly refused: Refused
  readonly text: TextSource
  readonly answered: (answered: AnsweredParcel) => void
}

/**
 * Behind all that came in one read with a reply: a word that nobody asked for ends the connection
 * before anybody else has it, and before a text is sent on it.
 */
const afterwards = inMicrotask

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

  /** When all is told, the connection is given back. */
  deliver(order: DeliveryOrder, text: TextSource, listener: DeliveryListener): void {
    this.#deliverNext({ order, text, listener, results: [] })
  }

  #deliverNext(delivery: Delivery): void {
    const { order, listener, results } = delivery
    const left = order.parcels.length - results.length
    if (left > 1) return void this.#deliverTogether(delivery)
    if (left === 1) return this.#deliverBatch(delivery, order.parcels.slice(results.length))
    this.#line.release()
    listener.delivered(results)
  }

  async #deliverTogether(delivery: Delivery): Promise<void> {
    const { order, results } = delivery
    const batch = takeBatch(order.parcels, results.length, await this.#answersEach())
    this.#deliverBatch(delivery, batch)
  }

  #deliverBatch(delivery: Delivery, batch: readonly Parcel[]): void {
    const { transaction, onFact, now } = this.#options
    const { listener, results } = delivery
    const started = now()
    this.#deliverParcel(delivery, mergeParcels(batch), ({ answer, server }) => {
      const at = now()
      const ms = at - started
      for (const parcel of batch) {
        const { reply, own } = answerOf(parcel, answer)
        const result = { reply, own, ms }
        listener.parcelDelivered(results.length, result)
        results.push(result)
      }
      const { code } = answer.reply
      if (server !== undefined)
        onFact({ kind: 'backendDelivered', at, transaction, server, code, ms })
      this.#deliverNext(delivery)
    })
  }

  /** Would the next text be answered recipient by recipient? */
  async #answersEach(): Promise<boolean> {
    const line = this.#line
    const lent = await line.alive()
    return lent !== undefined && (line.open === 'shown' ? line.form : line.formAt(lent)) !== 'one'
  }

  #deliverParcel(
    { order, text }: Delivery,
    parcel: Parcel | undefined,
    answered: (answered: AnsweredParcel) => void,
  ): void {
    if (parcel === undefined) return answered({ answer: sameForAll(replies.backendNonsense) })
    if (this.#stands(order, parcel))
      return this.#giveText({ parcel, refused: nobody, text, answered })
    void this.#showAnew(order.mail, parcel).then(({ reply, refused }) => {
      if (reply === undefined) this.#giveText({ parcel, refused, text, answered })
      else answered({ answer: { reply, own: refused } })
    })
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

  /** The envelope stands, but for those whom the server has refused in it. */
  #giveText(given: GivenText): void {
    const line = this.#line
    const { lent } = line
    if (lent === undefined || line.isOver())
      return given.answered({ answer: { reply: replies.backendLost, own: given.refused } })
    // A binary text never goes by DATA: a line in it that holds a dot alone would end it (RFC 3030
    // 3).
    const binary = line.needs?.must.includes('BINARYMIME') === true
    if (binary || this.#mayGoInChunks(lent, given.text))
      return this.#sendText(lent, given, binary ? 'binary chunks' : 'chunks')
    this.#askForText(lent, (refusal) => {
      if (refusal === undefined) this.#sendText(lent, given, 'lines')
      else given.answered({ answer: { reply: refusal, own: given.refused }, server: lent.server })
    })
  }

  #sendText(lent: Lent, given: GivenText, how: 'lines' | 'chunks' | 'binary chunks'): void {
    const { parcel, refused, text } = given
    const line = this.#line
    line.open = 'text'
    this.#committing = true
    const recipients = parcel.recipients
      .map(({ index }) => index)
      .filter((index) => !refused.has(index))
    const send = how === 'lines' ? sendText : sendInChunks
    const order = {
      text: revised(text, parcel.edits),
      replyMs: this.#options.deliveryTimeoutMs,
      form: line.form,
      recipients: recipients.length,
      binary: how === 'binary chunks',
    }
    send(lent.connection, order, (heard) =>
      afterwards(() => {
        const { answer, isOver } = this.#understand(lent, heard, how)
        // What is left behind a chunk that was refused is not defined: RSET before anything else
        // (RFC 3030 2).
        line.open = isOver ? 'nothing' : 'anew'
        given.answered({
          answer: this.#answerTo(lent, given, { answer, recipients }),
          server: lent.server,
        })
      }),
    )
  }

  /** `isOver`: nothing is left of the transaction at the server. */
  #understand(
    { server }: Lent,
    heard: TextHeard,
    how: 'lines' | 'chunks' | 'binary chunks',
  ): { readonly answer: TextHeard; readonly isOver: boolean } {
    if (how === 'lines') return { answer: heard, isOver: true }
    const unknown = unknownCommand(heard)
    if (unknown !== undefined) this.#options.withoutChunking?.add(server)
    const answer = unknown ?? withoutChunkLines(heard)
    return { answer, isOver: isTaken(answer) }
  }

  #answerTo(
    lent: Lent,
    { refused }: GivenText,
    { answer, recipients }: { readonly answer: TextHeard; readonly recipients: readonly number[] },
  ): ParcelAnswer {
    if (answer === 'brokenOff') return { reply: replies.backendLost, own: refused }
    if ('unclear' in answer) this.#options.withoutPrdr?.add(lent.server)
    const trouble = lostIn(answer) ?? outOfStep(answer)
    if (trouble !== undefined) {
      if (!this.#line.isOver()) this.#line.lostAt(lent, 'text', trouble)
      lent.connection.destroy(trouble)
    }
    const { reply, own } = readAnswer(answer, recipients)
    return {
      reply: heed(this.#options, lent, { step: 'text' }, reply),
      own:
        refused.size === 0 && own.size === 0
          ? nobody
          : new Map([...refused, ...heedEach(this.#options, lent, own)]),
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

  /** DATA. A refusal: the parcel ends here. */
  #askForText(lent: Lent, then: (refusal: Reply | undefined) => void): void {
    const line = this.#line
    const envelope = line.open
    line.open = 'text'
    lent.connection.command('DATA', (go) =>
      afterwards(() => then(this.#refusalIn(go, lent, envelope))),
    )
  }

  #refusalIn(go: ReplyOrFailed, lent: Lent, envelope: OpenAtBackend): Reply | undefined {
    if (isFailed(go)) return this.#dataLost(lent, go.failed)
    if (replyClass(go) === 3) return undefined
    this.#line.open = envelope
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
