/**
 * One transaction at an SMTP backend. The envelope is shown as it comes; for the text the envelope is used as it stands when
 * the recipients agree, else it is shown anew for each parcel (RSET, MAIL, RCPT in one write).
 */
import { endOfText, type Ending, stuffDots } from '../smtp/dot-stuffing.ts'
import { isPermanent, isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import type { FactListener } from '../facts.ts'
import type { BackendTransaction, DeliveryOrder, EnvelopeListener, ParcelResultReply, TextSource } from './backend.ts'
import type { Lent, Pool } from './pool.ts'
import { type Heard, isLost } from './smtp-connection.ts'

type Parcel = DeliveryOrder['parcels'][number]

export interface SmtpTransactionOptions {
  readonly pool: Pool
  readonly deliveryTimeoutMs: number
  readonly onFact: FactListener
  readonly now: () => number
}

const nobody: ReadonlyMap<number, Reply> = new Map()

export class SmtpTransaction implements BackendTransaction {
  readonly #options: SmtpTransactionOptions
  readonly #listener: EnvelopeListener
  #lent: Lent | undefined
  /** Sent or to be sent: shown again when a reused connection turns out to be dead before it answered. */
  #mail: string | undefined
  readonly #rcpts: { readonly index: number; readonly argument: string }[] = []
  #answeredAny = false
  #failed: string | undefined
  #over = false
  #envelopeOpen = false
  /** DATA was sent and its text is not answered: only breaking off makes the backend forget it. */
  #inText = false

  constructor(options: SmtpTransactionOptions, listener: EnvelopeListener) {
    this.#options = options
    this.#listener = listener
  }

  mail(argument: string): void {
    this.#mail = argument
    this.#borrow(false)
  }

  #borrow(fresh: boolean): void {
    this.#options.pool.borrow(fresh, (lent) => {
      if ('failed' in lent) return this.#fail(lent.failed)
      if (this.#over) return this.#options.pool.giveBack(lent.connection, lent.server)
      this.#lent = lent
      lent.connection.transactions++
      this.#envelopeOpen = true
      lent.connection.command(`MAIL FROM:${this.#mail ?? '<>'}`, (heard) => this.#mailHeard(lent, heard))
      for (const { index, argument } of this.#rcpts) this.#sendRcpt(lent, index, argument)
    })
  }

  #mailHeard(lent: Lent, heard: Heard): void {
    if (this.#over || lent !== this.#lent) return
    // A connection that was kept may have been closed by the backend while nobody looked: nothing was answered, so ask anew.
    if (lent.reused && !this.#answeredAny && (isLost(heard) || heard.code === 421)) {
      this.#lent = undefined
      lent.connection.destroy('stale')
      return this.#borrow(true)
    }
    this.#answeredAny = true
    if (isLost(heard)) return this.#fail(heard.lost)
    this.#listener.mailReplied(heard)
  }

  rcpt(index: number, argument: string): void {
    if (this.#failed !== undefined) return this.#listener.recipientReplied(index, replies.backendUnavailable)
    this.#rcpts.push({ index, argument })
    if (this.#lent !== undefined) this.#sendRcpt(this.#lent, index, argument)
  }

  #sendRcpt(lent: Lent, index: number, argument: string): void {
    lent.connection.command(`RCPT TO:${argument}`, (heard) => {
      if (this.#over || lent !== this.#lent) return
      this.#answeredAny = true
      this.#listener.recipientReplied(index, isLost(heard) ? this.#lost(heard.lost, 'rcpt') : heard)
    })
  }

  /** No connection to be had, or lost at MAIL: everyone hears that the backend does not answer. */
  #fail(why: string): void {
    if (this.#over) return
    this.#failed = why
    this.#lent = undefined
    this.#listener.mailReplied(replies.backendUnavailable)
  }

  #lost(why: string, step: 'mail' | 'rcpt' | 'data' | 'text'): Reply {
    this.#options.onFact({
      kind: 'backendFailed',
      at: this.#options.now(),
      server: this.#lent?.server ?? '',
      step,
      why,
    })
    return replies.backendLost
  }

  async deliver(order: DeliveryOrder, text: TextSource): Promise<readonly ParcelResultReply[]> {
    const results: ParcelResultReply[] = []
    for (const parcel of order.parcels) {
      const started = this.#options.now()
      const { reply, refused } = await this.#deliverParcel(order, parcel, text)
      const ms = this.#options.now() - started
      results.push({ reply, refused, ms })
      this.#options.onFact({
        kind: 'backendDelivered',
        at: this.#options.now(),
        server: this.#lent?.server ?? '',
        code: reply.code,
        ms,
      })
    }
    this.#release()
    return results
  }

  async #deliverParcel(
    order: DeliveryOrder,
    parcel: Parcel,
    text: TextSource,
  ): Promise<{ reply: Reply; refused: ReadonlyMap<number, Reply> }> {
    if (this.#over) return { reply: replies.backendLost, refused: nobody }
    let refused = nobody
    if (!this.#envelopeOpen || parcel.redirected || !sameRecipients(order, parcel)) {
      const shown = await this.#showAnew(order.mail, parcel)
      if ('reply' in shown) return { reply: shown.reply, refused: shown.refused }
      ;({ refused } = shown)
    }
    const lent = this.#lent
    if (lent === undefined || this.#isOver()) return { reply: replies.backendLost, refused }
    this.#envelopeOpen = false
    this.#inText = true
    const go = await this.#command(lent, 'DATA')
    if (isLost(go)) return { reply: this.#lost(go.lost, 'data'), refused }
    if (go.code !== 354) {
      this.#inText = false
      this.#envelopeOpen = true
      return { reply: go.code >= 400 ? go : replies.backendNonsense, refused }
    }
    return { reply: await this.#sendText(lent, parcel.header, text), refused }
  }

  /** Shows the envelope of one parcel, on the connection at hand or another one. */
  async #showAnew(mail: string, parcel: Parcel): Promise<{ refused: ReadonlyMap<number, Reply>; reply?: Reply }> {
    const lent = await this.#anyConnection()
    if (lent === undefined) return { refused: nobody, reply: replies.backendUnavailable }
    if (this.#envelopeOpen) lent.connection.command('RSET', () => undefined)
    this.#envelopeOpen = true
    lent.connection.transactions++
    const answers = [this.#command(lent, `MAIL FROM:${mail}`)]
    for (const { argument } of parcel.recipients) answers.push(this.#command(lent, `RCPT TO:${argument}`))
    const [mailHeard, ...heard] = await Promise.all(answers)
    if (mailHeard === undefined || isLost(mailHeard))
      return { refused: nobody, reply: this.#lost(mailHeard?.lost ?? '', 'mail') }
    if (!isPositive(mailHeard)) return { refused: nobody, reply: mailHeard }
    const refused = new Map<number, Reply>()
    parcel.recipients.forEach(({ index }, i) => {
      const answer = heard[i]
      if (answer === undefined || isLost(answer)) refused.set(index, this.#lost(answer?.lost ?? '', 'rcpt'))
      else if (!isPositive(answer)) refused.set(index, answer.code >= 400 ? answer : replies.backendNonsense)
    })
    const [first] = refused.values()
    // A recipient it took before and refuses now is between two opinions: nobody is told a final no for that.
    const later = [...refused].map(([index, reply]): [number, Reply] => [
      index,
      isPermanent(reply) ? replies.backendLost : reply,
    ])
    if (first !== undefined && refused.size === parcel.recipients.length)
      return { refused: new Map(later), reply: replies.backendLost }
    return { refused: new Map(later) }
  }

  async #anyConnection(): Promise<Lent | undefined> {
    if (this.#lent !== undefined && !this.#dead(this.#lent)) return this.#lent
    this.#envelopeOpen = false
    return await new Promise((resolve) => {
      this.#options.pool.borrow(true, (lent) => {
        if ('failed' in lent) return resolve(undefined)
        if (this.#over) {
          this.#options.pool.giveBack(lent.connection, lent.server)
          return resolve(undefined)
        }
        this.#lent = lent
        resolve(lent)
      })
    })
  }

  #dead(lent: Lent): boolean {
    return !lent.connection.alive
  }
  #isOver(): boolean {
    return this.#over
  }

  async #command(lent: Lent, line: string): Promise<Heard> {
    return await new Promise((resolve) => lent.connection.command(line, resolve))
  }

  async #sendText(lent: Lent, header: string, text: TextSource): Promise<Reply> {
    const { connection } = lent
    const whole = text.whole()
    connection.cork()
    if (header !== '') connection.write(header)
    let ending: Ending = 'lineStart'
    if (whole === undefined) {
      connection.uncork()
      try {
        for await (const chunk of text.chunks()) {
          ending = writeStuffed(lent, chunk, ending)
          await connection.drained()
        }
      } catch {
        // The text will never be complete: only a connection that breaks off before the dot makes the backend forget it.
        connection.destroy('the text broke off')
        return replies.backendLost
      }
      connection.cork()
    } else {
      for (const chunk of whole) ending = writeStuffed(lent, chunk, ending)
    }
    connection.write(endOfText(ending))
    connection.uncork()
    const heard = await new Promise<Heard>((resolve) => connection.expect(resolve, this.#options.deliveryTimeoutMs))
    this.#inText = false
    if (isLost(heard)) return this.#lost(heard.lost, 'text')
    return heard.code < 400 && !isPositive(heard) ? replies.backendNonsense : heard
  }

  abandon(): void {
    if (this.#over) return
    this.#over = true
    const lent = this.#lent
    if (lent === undefined) return
    if (this.#inText) return lent.connection.destroy('abandoned')
    this.#release()
  }

  /** Gives the connection back, with nothing left open on it. */
  #release(): void {
    const lent = this.#lent
    this.#over = true
    this.#lent = undefined
    if (lent === undefined) return
    const { pool } = this.#options
    if (!this.#envelopeOpen && lent.connection.usable) return pool.giveBack(lent.connection, lent.server)
    lent.connection.command('RSET', () => pool.giveBack(lent.connection, lent.server))
  }
}

function writeStuffed(lent: Lent, chunk: Buffer, before: Ending): Ending {
  const { parts, ending } = stuffDots(chunk, before)
  for (const part of parts) lent.connection.write(part)
  return ending
}

/** The envelope that the backend was shown holds just the recipients of this parcel. */
function sameRecipients(order: DeliveryOrder, parcel: Parcel): boolean {
  const { shown } = order
  return shown.length === parcel.recipients.length && shown.every((index, i) => parcel.recipients[i]?.index === index)
}
