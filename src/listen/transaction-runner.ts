/**
 * Does what the machine wants done for one transaction, each part by whom it belongs to: the
 * look-up of recipients, the text on its way in, its deliveries, and what the ledger knows of
 * others. What came of it is told as events; after `abandon` nothing is told any more.
 */
import type { Backend, BackendTransaction, EnvelopeListener } from '../backend/backend.ts'
import type { Ledger, OpenLimit, OpenLimits } from '../ledger/ledger.ts'
import type { MessageIdentity } from '../split/split.ts'
import type { TextFault } from '../smtp/text-receiver.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'
import type { Effect, Event } from '../session/effects.ts'
import type { Reply } from '../smtp/reply.ts'
import { Deliveries, type DeliveryParts } from './deliveries.ts'
import {
  type EndedText,
  type IntakeParts,
  type MessageListener,
  MessageIntake,
  type TextStart,
} from './message-intake.ts'
import type { Observer } from './observer.ts'
import { type LookUpParts, RecipientLookUp } from './recipient-look-up.ts'
import { untilSettled } from './under-way.ts'

export interface RunnerParts extends LookUpParts, IntakeParts, DeliveryParts {
  readonly backend: Backend
  readonly ledger: Ledger
  /** How many splits may be open before messages are served unsplit. */
  readonly openLimits: OpenLimits
  /** From the end of the text to the answer, in ms: then `outOfTime` is called. */
  readonly replyTimeoutMs: number
  /** How long a return waits for an earlier attempt that is still being delivered, in ms. */
  readonly underWayMs: number
  /** Who finds out what would have been; absent where it is done (`mode`). */
  readonly observer?: Pick<Observer, 'observe'>
}

type Of<Kind extends Effect['do']> = Extract<Effect, { do: Kind }>

/** Its parts, and the backend, tell it itself what came of what they do. */
export class TransactionRunner implements MessageListener, EnvelopeListener {
  readonly #parts: RunnerParts
  readonly #listener: MessageListener
  readonly #transaction: BackendTransaction
  readonly #recipients: RecipientLookUp
  readonly #deliveries: Deliveries
  /** Once a text has begun to come. */
  #intake: MessageIntake | undefined
  #ended: EndedText | undefined
  #over = false

  constructor(id: string, parts: RunnerParts, client: ClientAttributes, listener: MessageListener) {
    this.#parts = parts
    this.#listener = listener
    this.#recipients = new RecipientLookUp(parts, this)
    this.#transaction = parts.backend.begin(id, this, client)
    this.#deliveries = new Deliveries(parts, client, this.#transaction, this)
  }

  tell(event: Event): void {
    if (!this.#over) this.#listener.tell(event)
  }

  onDrain(): void {
    this.#listener.onDrain()
  }

  mailReplied(reply: Reply): void {
    this.tell({ kind: 'mailReplied', at: this.#parts.now(), reply })
  }

  recipientReplied(index: number, reply: Reply): void {
    this.tell({ kind: 'recipientReplied', at: this.#parts.now(), index, reply })
  }

  begin(effect: Of<'begin'>): void {
    const limit = this.#parts.ledger.crowded(effect.opener, this.#parts.openLimits)
    if (limit instanceof Promise) void this.#tellWhenCrowded(limit)
    else this.#tellIfCrowded(limit)
    this.#transaction.mail(effect.mail, effect)
  }

  async #tellWhenCrowded(limit: Promise<OpenLimit | undefined>): Promise<void> {
    this.#tellIfCrowded(await limit)
  }

  #tellIfCrowded(limit: OpenLimit | undefined): void {
    if (limit !== undefined) this.tell({ kind: 'crowded', at: this.#parts.now(), limit })
  }

  offer(effect: Of<'offer'>): void {
    this.#recipients.ask(effect)
    this.#transaction.rcpt(effect.index, effect.argument)
  }

  startText(start: TextStart): void {
    this.#intake = new MessageIntake(this.#parts, start, this)
  }

  /** The next octets of the text. False: wait for `onDrain`. */
  text(chunk: Buffer, dotted: boolean): boolean {
    return this.#intake?.push(chunk, dotted) ?? true
  }

  /** After a turn of text that was not its end. */
  lookEarly(): void {
    this.#intake?.lookEarly()
  }

  endText(sizeBytes: number, fault: TextFault | undefined): void {
    this.#ended = { sizeBytes, endedAt: this.#parts.now() }
    this.#intake?.end(this.#ended, fault)
  }

  deliver(effect: Of<'deliver'>): void {
    const intake = this.#intake
    if (intake === undefined) return
    if (effect.streaming) intake.stream()
    this.#deliveries.deliver(effect, intake.text, (delivered) => {
      intake.forgetRest()
      this.tell(delivered)
    })
  }

  vouch(effect: Of<'vouch'>): void {
    if (this.#intake !== undefined) this.#deliveries.vouch(effect, this.#intake.text)
  }

  prepareBounce(effect: Of<'prepareBounce'>): void {
    if (this.#intake !== undefined) this.#deliveries.prepareBounce(effect, this.#intake.text)
  }

  report(effect: Of<'report'>): void {
    this.#deliveries.report(effect)
  }

  /** The text of a message that was passed on. */
  observe({ message }: Of<'observe'>): void {
    const { observer } = this.#parts
    if (observer !== undefined && this.#intake !== undefined)
      observer.observe({ message, ...this.#intake.handOver() })
  }

  /**
   * Rule 1: what was not committed in time is not known to be taken, and the client has to keep it.
   */
  outOfTime(): void {
    if (this.#ended === undefined) return
    this.#intake?.stopJudging('no answer in time (timeouts.reply)')
    this.#deliveries.giveUp()
    this.tell({ kind: 'answerTimedOut', at: this.#parts.now(), ...this.#ended })
  }

  /** The backend is being given the text, or has it. */
  get committing(): boolean {
    return this.#transaction.committing
  }

  /** Which message this is, of a text that is complete. */
  identify(): MessageIdentity | undefined {
    return this.#intake?.identify()
  }

  /** Until nobody else is at delivering it any more. */
  awaitDeliveries(effect: Of<'awaitDeliveries'>): void {
    const { ledger, underWayMs, replyTimeoutMs, now } = this.#parts
    const options = {
      ledger,
      now,
      limitMs: underWayMs,
      answerMs: replyTimeoutMs,
      isOver: () => this.#over,
    }
    void untilSettled(effect, options).then((outcome) =>
      this.tell({ kind: 'deliveriesSettled', at: now(), ...outcome }),
    )
  }

  /**
   * Ends everything that is under way. The machine does this when a transaction is over, whatever
   * its end.
   */
  abandon(): void {
    if (this.#over) return
    this.#over = true
    this.#deliveries.abandon()
    this.#recipients.abandon()
    this.#intake?.abandon()
  }
}
