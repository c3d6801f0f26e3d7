/**
 * One transaction at an SMTP or LMTP backend: its envelope, shown as it comes, and its text, on
 * whatever connection is at hand.
 */
import type { TextSource } from '../../message/text-source.ts'
import type {
  BackendTransaction,
  DeliveryListener,
  DeliveryOrder,
  EnvelopeListener,
  MailOptions,
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

  deliver(order: DeliveryOrder, text: TextSource, listener: DeliveryListener): void {
    this.#line.keep()
    this.#text ??= new TextDelivery(this.#options, this.#line)
    this.#text.deliver(order, text, listener)
  }

  get committing(): boolean {
    return this.#text?.committing === true
  }

  abandon(): void {
    this.#line.release()
  }
}
