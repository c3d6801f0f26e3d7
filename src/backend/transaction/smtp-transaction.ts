/**
 * One transaction at an SMTP or LMTP backend: its envelope, shown as it comes, and its text, on
 * whatever connection is at hand.
 */
import type { TextSource } from '../../message/text-source.ts'
import type {
  BackendTransaction,
  DeliveryOrder,
  EnvelopeListener,
  MailOptions,
  ParcelListener,
  ParcelResultReply,
} from '../backend.ts'
import { needsOf } from '../wire/needs.ts'
import { TextDelivery, type TextDeliveryOptions } from './deliver-text.ts'
import { LineAtHand } from './line-at-hand.ts'
import { ShownEnvelope } from './shown-envelope.ts'

export class SmtpTransaction implements BackendTransaction {
  readonly #options: TextDeliveryOptions
  readonly #line: LineAtHand
  readonly #envelope: ShownEnvelope
  #text: TextDelivery | undefined

  constructor(options: TextDeliveryOptions, listener: EnvelopeListener) {
    this.#options = options
    this.#line = new LineAtHand(options)
    this.#envelope = new ShownEnvelope(options, this.#line, listener)
  }

  mail(argument: string, { each = false, withRcpt = false }: MailOptions = {}): void {
    this.#line.prepare(needsOf(argument), each)
    this.#envelope.mail(argument, withRcpt)
  }

  rcpt(index: number, argument: string): void {
    this.#envelope.rcpt(index, argument)
  }

  async deliver(
    order: DeliveryOrder,
    text: TextSource,
    onResult?: ParcelListener,
  ): Promise<readonly ParcelResultReply[]> {
    this.#line.keep()
    this.#text ??= new TextDelivery(this.#options, this.#line)
    const results = await this.#text.deliver(order, text, onResult)
    this.#line.release()
    return results
  }

  get committing(): boolean {
    return this.#text?.committing === true
  }

  abandon(): void {
    this.#line.release()
  }
}
