/**
 * One transaction at an SMTP or LMTP backend. The envelope is shown as it comes; for the text the
 * envelope is used as it stands when the recipients agree, else it is shown anew for each parcel
 * (RSET, MAIL, RCPT in one write). A server that answers each recipient (LMTP, or PRDR where it was
 * asked for) gets parcels with the same octets in one.
 *
 * What is open at the backend, and what gives the connection back clean:
 *
 *     nothing ──▶ shown | anew ──▶ text ──▶ nothing      (the text's answer is the end of the transaction)
 *     give back       RSET         break off             behind DATA, RSET would be text; before the dot, breaking off is the only
 *                                                        way to make the backend forget (RFC 5321 4.1.1.4)
 */
import { revised } from '../../message/revised-text.ts'
import type { TextSource } from '../../message/text-source.ts'
import { describeReply, isPositive, type Reply, replyClass } from '../../smtp/reply.ts'
import { replies } from '../../smtp/replies.ts'
import type {
  BackendTransaction,
  DeliveryOrder,
  EnvelopeListener,
  ParcelResultReply,
  ParcelListener,
} from '../backend.ts'
import { type ReplyOrFailed, isFailed } from '../wire/command-reply.ts'
import { heed, heedEach, type HeedOptions } from './heed.ts'
import { type BackendClient, sayXforward } from '../wire/tell-client.ts'
import {
  lostIn,
  mergeParcels,
  outOfStep,
  type Parcel,
  readAnswer,
  takeBatch,
  type ParcelAnswer,
  sameForAll,
  answerOf,
} from './parcel-batch.ts'
import type { Lender, Lent, NotLent } from '../pool/lending.ts'
import { command, mailLine, say, secondOpinion } from './lines.ts'
import { argumentFor, type Needs, needsOf } from '../wire/needs.ts'
import type { EndpointState } from '../endpoints/endpoint-state.ts'
import { sendInChunks } from '../wire/send-chunks.ts'
import { sendText } from '../wire/send-text.ts'
import type { Held, Preemptible } from '../pool/preemption.ts'
import type { AnswerForm } from '../wire/text-answer.ts'

export interface SmtpTransactionOptions extends HeedOptions {
  readonly pool: Lender
  readonly client: BackendClient
  /** From the final dot to the reply. */
  readonly deliveryTimeoutMs: number
  /**
   * Servers that are not asked for PRDR; one is added when its blocks can't be read. Absent: none
   * is asked.
   */
  readonly withoutPrdr?: Set<string> | undefined
}

type Step = 'mail' | 'rcpt' | 'data' | 'text'

const nobody: ReadonlyMap<number, Reply> = new Map()

/**
 * How long a client has to be quiet before its connection may go to someone who waits for one, in
 * ms.
 */
const quietMs = 500

/**
 * With each that is turned away at MAIL the limit that is learned of a server is nearer to its own.
 */
const turnedAwayAtMost = 5

interface OfferedRecipient {
  readonly index: number
  readonly argument: string
  /** What the session was told; it is told once. */
  told?: 'yes' | 'no'
}

export class SmtpTransaction implements BackendTransaction, Preemptible {
  readonly #options: SmtpTransactionOptions
  readonly #listener: EnvelopeListener
  #lent: Lent | undefined
  /** Among those who may be asked for their connection. */
  #held: Held | undefined
  /**
   * Sent or to be sent: shown again when a reused connection turns out to be dead before it
   * answered.
   */
  #mail = ''
  /** An answer for each recipient is of use. */
  #each = false
  /** How the text of the envelope that is open will be answered. */
  #form: AnswerForm = 'one'
  readonly #rcpts: OfferedRecipient[] = []
  #answeredAny = false
  #needs: Needs | undefined
  /** Where it was lost before anything was answered. */
  #tried: Set<EndpointState> | undefined
  /** How often a server had no room for one more. */
  #turnedAway = 0
  #mailTold = false
  /** Whatever it then says to RCPT is about that. */
  #mailRefused = false
  /**
   * The connection was given back for others, or lost; the envelope is shown anew when it goes on.
   */
  #yielded = false
  /** When something was last asked or answered. */
  #activeAt = 0
  #failed = false
  #over = false
  #committing = false
  #open: 'nothing' | 'shown' | 'anew' | 'text' = 'nothing'

  constructor(options: SmtpTransactionOptions, listener: EnvelopeListener) {
    this.#options = options
    this.#listener = listener
  }

  mail(argument: string, each = false): void {
    this.#mail = argument
    this.#needs = needsOf(argument)
    this.#each = each
    this.#borrow(false)
  }

  /** `otherwise`: what was said already, for a client that can't be served by another server. */
  #borrow(fresh: boolean, otherwise?: Reply): void {
    const { pool, client } = this.#options
    const borrowed = (lent: Lent | NotLent): void => {
      if ('failed' in lent) return this.#fail(lent.refusal ?? otherwise)
      if (this.#over) return pool.giveBack(lent)
      const form = this.#formAt(lent)
      const line = mailLine(lent, this.#mail, form)
      if (typeof line !== 'string') {
        pool.giveBack(lent)
        return this.#fail(line)
      }
      this.#lent = lent
      this.#open = 'shown'
      this.#activeAt = this.#options.now()
      this.#drop()
      this.#held = pool.preemption.hold(this)
      lent.connection.transactions++
      this.#forward(lent)
      this.#form = form
      lent.connection.command(line, (heard) => this.#mailHeard(lent, heard))
      for (const rcpt of this.#rcpts) if (rcpt.told !== 'no') this.#sendRcpt(lent, rcpt)
    }
    pool.borrow({ fresh, client, needs: this.#needs, not: this.#tried }, borrowed)
  }

  /**
   * PRDR needs PIPELINING (draft-hall-prdr-00 2), and is asked for only where the answers can be
   * told apart afterwards.
   */
  #formAt({ connection, server }: Lent): AnswerForm {
    if (connection.lmtp) return 'each'
    const { withoutPrdr } = this.#options
    const asks = this.#each && withoutPrdr?.has(server) === false && connection.pipelines
    return asks && connection.extensions.has('PRDR') ? 'block' : 'one'
  }

  #forward({ connection }: Lent): void {
    if (this.#options.clientAddress === 'xforward') sayXforward(connection, this.#options.client)
  }

  #mailHeard(lent: Lent, heard: ReplyOrFailed): void {
    if (this.#over || lent !== this.#lent) return
    if (!this.#answeredAny && (isFailed(heard) || heard.code === 421))
      return this.#askAnother(lent, heard)
    this.#answeredAny = true
    this.#activeAt = this.#options.now()
    this.#mailRefused = isFailed(heard) || !isPositive(heard)
    if (isFailed(heard)) {
      this.#noteLost(lent, 'mail', heard.failed)
      return this.#fail()
    }
    if (!this.#mailTold) {
      this.#mailTold = true
      return this.#listener.mailReplied(
        heed(this.#options, lent, { step: 'mail', argument: this.#mail }, heard),
      )
    }
    if (isPositive(heard)) return
    // Shown for the second time, and not taken: what was pipelined behind it has no MAIL.
    this.#fail(
      secondOpinion(heed(this.#options, lent, { step: 'mail', argument: this.#mail }, heard)),
    )
    this.#reset(lent)
  }

  /**
   * Nothing was answered, so nobody notices when it is asked anew: on a fresh connection where a
   * kept one may have been closed by the backend while nobody looked, else at a server that was not
   * tried yet.
   */
  #askAnother(lent: Lent, heard: ReplyOrFailed): void {
    this.#lent = undefined
    this.#open = 'nothing'
    if (lent.reused) lent.connection.destroy('stale')
    else if (!this.#isFull(lent, heard)) {
      this.#tried ??= new Set()
      this.#tried.add(lent.endpoint)
      if (isFailed(heard)) this.#noteLost(lent, 'mail', heard.failed)
    }
    this.#borrow(true, isFailed(heard) ? undefined : heard)
  }

  /**
   * A server that says so and answers on other connections is waited for, a few times; then another
   * one is asked.
   */
  #isFull(lent: Lent, heard: ReplyOrFailed): boolean {
    if (isFailed(heard)) {
      lent.connection.destroy('stale')
      return false
    }
    const answers = this.#options.pool.turnedAway(lent, `MAIL: ${describeReply(heard)}`)
    return answers && ++this.#turnedAway <= turnedAwayAtMost
  }

  rcpt(index: number, argument: string): void {
    if (this.#failed) return this.#listener.recipientReplied(index, replies.backendUnavailable)
    const rcpt: OfferedRecipient = { index, argument }
    this.#rcpts.push(rcpt)
    // Lost while nothing was asked on it, as when a server under load ends a session that is idle
    // for some seconds.
    if (this.#lent?.connection.alive === false && this.#open === 'shown') this.#leave()
    if (this.#lent !== undefined) return this.#sendRcpt(this.#lent, rcpt)
    if (!this.#yielded) return
    this.#yielded = false
    this.#answeredAny = false
    this.#borrow(false)
  }

  #sendRcpt(lent: Lent, rcpt: OfferedRecipient): void {
    this.#activeAt = this.#options.now()
    const known = argumentFor(rcpt.argument, lent.connection.extensions)
    // An answer of our own is given where the server's would have come: in turn.
    const line = typeof known === 'string' ? `RCPT TO:${known}` : 'NOOP'
    lent.connection.command(line, (heard) => {
      if (this.#over || lent !== this.#lent) return
      this.#answeredAny = true
      this.#activeAt = this.#options.now()
      const theirs = typeof known === 'string' && !isFailed(heard) && !this.#mailRefused
      const answer =
        typeof known !== 'string'
          ? known
          : theirs
            ? heed(this.#options, lent, { step: 'rcpt', argument: known }, heard)
            : heard
      const reply = isFailed(answer) ? this.#noteLost(lent, 'rcpt', answer.failed) : answer
      if (rcpt.told === undefined) return this.#tellRcpt(rcpt, reply)
      // Taken when it was shown first, and not now: this envelope is not what the session knows of
      // (rule 1).
      if (!isPositive(reply)) this.#open = 'anew'
    })
  }

  #tellRcpt(rcpt: OfferedRecipient, reply: Reply): void {
    rcpt.told = isPositive(reply) ? 'yes' : 'no'
    this.#listener.recipientReplied(rcpt.index, reply)
  }

  preempt(): boolean {
    const lent = this.#lent
    if (lent === undefined || this.#open !== 'shown' || !lent.connection.usable) return false
    if (this.#options.now() - this.#activeAt < quietMs) return false
    this.#leave()
    this.#reset(lent)
    return true
  }

  /** It goes on with another connection when its client does. */
  #leave(): void {
    this.#drop()
    this.#lent = undefined
    this.#open = 'nothing'
    this.#yielded = true
  }

  /** No connection to be had, or lost at MAIL: everyone hears that the backend does not answer. */
  #fail(refusal: Reply = replies.backendUnavailable): void {
    if (this.#over) return
    this.#failed = true
    this.#lent = undefined
    this.#open = 'nothing'
    this.#drop()
    if (!this.#mailTold) {
      this.#mailTold = true
      return this.#listener.mailReplied(refusal)
    }
    for (const rcpt of this.#rcpts)
      if (rcpt.told === undefined) this.#tellRcpt(rcpt, secondOpinion(refusal))
  }

  #noteLost(lent: Lent, step: Step, why: string): Reply {
    const { transaction, onFact, now, pool } = this.#options
    onFact({ kind: 'backendFailed', at: now(), transaction, server: lent.server, step, why })
    pool.recheck(lent)
    return replies.backendLost
  }

  async deliver(
    order: DeliveryOrder,
    text: TextSource,
    onTold?: ParcelListener,
  ): Promise<readonly ParcelResultReply[]> {
    const { transaction, onFact, now } = this.#options
    const { parcels } = order
    this.#drop()
    const results: ParcelResultReply[] = []
    while (results.length < parcels.length) {
      const answersEach = parcels.length - results.length > 1 && (await this.#answersEach())
      const batch = takeBatch(parcels, results.length, answersEach)
      const started = now()
      const { told, server } = await this.#deliverParcel(order, mergeParcels(batch), text)
      const ms = now() - started
      for (const parcel of batch) {
        const result = { ...answerOf(parcel, told), ms }
        onTold?.(results.length, result)
        results.push(result)
      }
      if (server !== undefined)
        onFact({
          kind: 'backendDelivered',
          at: now(),
          transaction,
          server,
          code: told.reply.code,
          ms,
        })
    }
    this.#release()
    return results
  }

  /** Would the next text be answered recipient by recipient? */
  async #answersEach(): Promise<boolean> {
    const lent = await this.#anyConnection()
    return (
      lent !== undefined && (this.#open === 'shown' ? this.#form : this.#formAt(lent)) !== 'one'
    )
  }

  async #deliverParcel(
    order: DeliveryOrder,
    parcel: Parcel | undefined,
    text: TextSource,
  ): Promise<{ readonly told: ParcelAnswer; readonly server?: string }> {
    if (parcel === undefined) return { told: sameForAll(replies.backendNonsense) }
    let refused: ReadonlyMap<number, Reply> = nobody
    if (!this.#stands(order, parcel)) {
      const shown = await this.#showAnew(order.mail, parcel)
      if (shown.reply !== undefined) return { told: { reply: shown.reply, own: shown.refused } }
      ;({ refused } = shown)
    }
    const lent = this.#lent
    if (lent === undefined || this.#isOver())
      return { told: { reply: replies.backendLost, own: refused } }
    return { told: await this.#data(lent, { parcel, refused }, text), server: lent.server }
  }

  /** The envelope that the backend has is that of the parcel. */
  #stands(order: DeliveryOrder, parcel: Parcel): boolean {
    if (this.#open !== 'shown' || this.#lent?.connection.alive !== true || parcel.redirected)
      return false
    const { shown } = order
    return (
      shown.length === parcel.recipients.length &&
      shown.every((index, i) => parcel.recipients[i]?.index === index)
    )
  }

  async #data(
    lent: Lent,
    { parcel, refused }: { readonly parcel: Parcel; readonly refused: ReadonlyMap<number, Reply> },
    text: TextSource,
  ): Promise<ParcelAnswer> {
    const { connection, server } = lent
    const envelope = this.#open
    this.#open = 'text'
    const all = (reply: Reply): ParcelAnswer => ({ reply, own: refused })
    // A binary text never goes by DATA: a line in it that holds a dot alone would end it (RFC 3030
    // 3).
    const binary = this.#needs?.must.includes('BINARYMIME') === true
    if (!binary) {
      const go = await command(lent, 'DATA')
      if (isFailed(go)) return all(this.#textLost(lent, 'data', go.failed))
      if (replyClass(go) !== 3) {
        this.#open = envelope
        if (!isPositive(go)) return all(heed(this.#options, lent, { step: 'data' }, go))
        connection.destroy('2yz to DATA')
        return all(this.#textLost(lent, 'data', 'the answer to DATA was neither 354 nor a refusal'))
      }
    }
    const recipients = parcel.recipients.flatMap(({ index }) => (refused.has(index) ? [] : [index]))
    this.#committing = true
    const { deliveryTimeoutMs: replyMs, withoutPrdr } = this.#options
    const form = this.#form
    const send = binary ? sendInChunks : sendText
    const answer = await send(connection, {
      text: revised(text, parcel.edits),
      replyMs,
      form,
      recipients: recipients.length,
    })
    // What is left behind a chunk that was refused is not defined: RSET before anything else (RFC
    // 3030 2).
    this.#open = binary ? 'anew' : 'nothing'
    if (answer === 'brokenOff') return all(replies.backendLost)
    if ('unclear' in answer) withoutPrdr?.add(server)
    const trouble = lostIn(answer) ?? outOfStep(answer)
    if (trouble !== undefined) {
      if (!this.#isOver()) this.#noteLost(lent, 'text', trouble)
      connection.destroy(trouble)
    }
    const told = readAnswer(answer, recipients)
    return {
      reply: heed(this.#options, lent, { step: 'text' }, told.reply),
      own: new Map([...refused, ...heedEach(this.#options, lent, told.own)]),
    }
  }

  /** The connection has ended, and with it whatever was open. */
  #textLost(lent: Lent, step: Step, why: string): Reply {
    this.#open = 'nothing'
    return this.#isOver() ? replies.backendLost : this.#noteLost(lent, step, why)
  }

  /**
   * Shows the envelope of one parcel, on the connection at hand or another one. A reply: the parcel
   * ends here.
   */
  async #showAnew(
    mail: string,
    parcel: Parcel,
  ): Promise<{ refused: ReadonlyMap<number, Reply>; reply?: Reply }> {
    const lent = await this.#anyConnection()
    if (lent === undefined) return { refused: nobody, reply: replies.backendUnavailable }
    if (this.#open !== 'nothing') lent.connection.command('RSET', () => undefined)
    this.#open = 'anew'
    lent.connection.transactions++
    this.#forward(lent)
    this.#form = this.#formAt(lent)
    const answers = [say(lent, mailLine(lent, mail, this.#form))]
    for (const { argument } of parcel.recipients) {
      const known = argumentFor(argument, lent.connection.extensions)
      answers.push(say(lent, typeof known === 'string' ? `RCPT TO:${known}` : known))
    }
    const [mailHeard, ...heard] = await Promise.all(answers)
    if (this.#isOver()) return { refused: nobody, reply: replies.backendLost }
    if (mailHeard === undefined || isFailed(mailHeard))
      return { refused: nobody, reply: this.#noteLost(lent, 'mail', mailHeard?.failed ?? '') }
    if (!isPositive(mailHeard))
      return {
        refused: nobody,
        reply: secondOpinion(
          heed(this.#options, lent, { step: 'mail', argument: mail }, mailHeard),
        ),
      }
    const refused = new Map<number, Reply>()
    parcel.recipients.forEach(({ index }, i) => {
      const answer = heard[i]
      if (answer === undefined || isFailed(answer))
        refused.set(index, this.#noteLost(lent, 'rcpt', answer?.failed ?? ''))
      else if (!isPositive(answer))
        refused.set(
          index,
          secondOpinion(
            heed(
              this.#options,
              lent,
              { step: 'rcpt', argument: parcel.recipients[i]?.argument ?? '' },
              answer,
            ),
          ),
        )
    })
    const [first] = refused.values()
    return first !== undefined && refused.size === parcel.recipients.length
      ? { refused, reply: first }
      : { refused }
  }

  async #anyConnection(): Promise<Lent | undefined> {
    if (this.#isOver()) return undefined
    if (this.#lent?.connection.alive === true) return this.#lent
    this.#lent = undefined
    this.#open = 'nothing'
    return await new Promise((resolve) => {
      const { pool, client } = this.#options
      const borrowed = (lent: Lent | NotLent): void => {
        if ('failed' in lent) return resolve(undefined)
        if (this.#over) {
          pool.giveBack(lent)
          return resolve(undefined)
        }
        this.#lent = lent
        resolve(lent)
      }
      pool.borrow({ fresh: true, client, needs: this.#needs }, borrowed)
    })
  }

  /** Asked anew after each wait. */
  #isOver(): boolean {
    return this.#over
  }

  get committing(): boolean {
    return this.#committing
  }

  abandon(): void {
    if (!this.#over) this.#release()
  }

  /** Nobody else may have the connection any more. */
  #drop(): void {
    if (this.#held !== undefined) this.#options.pool.preemption.drop(this.#held)
    this.#held = undefined
  }

  /** Gives the connection back with nothing left open on it, or breaks it off. */
  #release(): void {
    const lent = this.#lent
    const { pool } = this.#options
    this.#over = true
    this.#lent = undefined
    this.#drop()
    if (lent === undefined) return
    const { connection } = lent
    switch (this.#open) {
      case 'nothing':
        return pool.giveBack(lent)
      case 'text':
        return connection.destroy('abandoned')
      case 'shown':
      case 'anew':
        return this.#reset(lent)
    }
  }

  #reset(lent: Lent): void {
    lent.connection.command('RSET', (heard) => {
      if (!isFailed(heard) && !isPositive(heard)) lent.connection.destroy('RSET was refused')
      this.#options.pool.giveBack(lent)
    })
  }
}
