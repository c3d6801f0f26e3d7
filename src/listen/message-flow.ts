/**
 * One message after the other on its way in: octets from the router to the transaction's runner,
 * not faster than it takes them, and not slower than `limits.text_minimum_rate`.
 */
import { LazyTimer } from '../loop/lazy-timer.ts'
import type { Effect, Event } from '../session/effects.ts'
import type { TextFault } from '../smtp/text-receiver.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'
import { type OctetListener, OctetRouter, type OctetRouterOptions } from './octet-router.ts'
import { TextPace } from './text-pace.ts'
import type { MessageListener } from './message-intake.ts'
import { type RunnerParts, TransactionRunner } from './transaction-runner.ts'

export interface MessageFlowOptions extends OctetRouterOptions {
  readonly runner: RunnerParts
  /** Octets a second. */
  readonly textMinimumRate: number
  readonly timeouts: { readonly textMs: number }
  readonly now: () => number
}

/** A connection itself: closures of one would stay as long as it does. */
export interface MessageFlowListener {
  tell(event: Event): void
  /** The client, as the backend may be told of it now. */
  attributes(): ClientAttributes
  /** Nothing more of the text can be taken, until `goOn`. */
  hold(): void
  goOn(): void
}

type Of<Kind extends Effect['do']> = Extract<Effect, { do: Kind }>
type Receiving = Of<'offer' | 'abandon' | 'receiveText' | 'dropText' | 'receiveChunk'>

export class MessageFlow implements OctetListener, MessageListener {
  readonly octets: OctetRouter
  readonly #options: MessageFlowOptions
  readonly #listener: MessageFlowListener
  readonly #pace: TextPace
  #runner: TransactionRunner | undefined
  /** Of the answer to a text, from the first one on. */
  #answerTimer: LazyTimer | undefined
  #held = false

  constructor(options: MessageFlowOptions, listener: MessageFlowListener) {
    this.#options = options
    this.#listener = listener
    this.#pace = new TextPace(options.textMinimumRate, options.timeouts.textMs)
    this.octets = new OctetRouter(options, this)
  }

  /** Of the transaction under way, if one is. */
  get runner(): TransactionRunner | undefined {
    return this.#runner
  }

  /** The spool or the backend can't take more of the text for now. */
  get held(): boolean {
    return this.#held
  }

  /** So many octets of a text have come. False: too slow. */
  keepsPace(octets: number): boolean {
    return this.#pace.took(octets, performance.now())
  }

  begin(effect: Of<'begin'>): void {
    this.#runner = new TransactionRunner(
      effect.id,
      this.#options.runner,
      this.#listener.attributes(),
      this,
    )
    this.#runner.begin(effect)
  }

  receive(effect: Receiving): void {
    switch (effect.do) {
      case 'offer':
        return this.#runner?.offer(effect)
      case 'abandon':
        this.#runner?.abandon()
        this.#runner = undefined
        this.#answerTimer?.set(undefined)
        this.octets.abandon()
        this.#held = false
        return
      case 'receiveText':
        this.#pace.begin(performance.now())
        this.#runner?.startText(effect)
        return this.octets.beginText()
      case 'dropText':
        this.#pace.begin(performance.now())
        return this.octets.dropText()
      case 'receiveChunk':
        this.#pace.begin(performance.now())
        if (effect.judged !== undefined)
          this.#runner?.startText({ ...effect, judged: effect.judged, streamable: false })
        return this.octets.beginChunk(effect)
    }
  }

  take(octets: Buffer, dotted: boolean): void {
    if (this.#runner?.text(octets, dotted) !== false) return
    this.#held = true
    this.#pace.hold(performance.now())
    this.#listener.hold()
  }

  turnEnded(): void {
    this.#runner?.lookEarly()
  }

  textEnded(sizeBytes: number, fault: TextFault | undefined): void {
    if (this.#runner === undefined) return
    this.#answerTimer ??= new LazyTimer(() => this.#runner?.outOfTime())
    this.#answerTimer.set(this.#options.runner.replyTimeoutMs)
    this.#runner.endText(sizeBytes, fault)
  }

  droppedTextEnded(): void {
    this.#listener.tell({ kind: 'refusedTextEnded', at: this.#options.now() })
  }

  chunkTaken(bytes: number): void {
    this.#runner?.lookEarly()
    this.#listener.tell({ kind: 'chunkTaken', at: this.#options.now(), bytes })
  }

  /** What the runner tells. */
  tell(event: Event): void {
    this.#listener.tell(event)
  }

  onDrain(): void {
    this.#held = false
    this.#pace.goOn(performance.now())
    this.#listener.goOn()
  }

  /** Nothing is left of the connection. */
  end(): void {
    this.#runner?.abandon()
    this.#answerTimer?.end()
  }
}
