/**
 * One message after the other on its way in: octets from the router to the transaction's runner,
 * not faster than it takes them, and not slower than `limits.text_minimum_rate`.
 */
import type { Effect, Event } from '../session/effects.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'
import { OctetRouter, type OctetRouterOptions } from './octet-router.ts'
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

export interface MessageFlowListener {
  readonly tell: (event: Event) => void
  /** The client, as the backend may be told of it now. */
  readonly client: () => ClientAttributes
  /** Nothing more of the text can be taken, until `goOn`. */
  readonly hold: () => void
  readonly goOn: () => void
}

type Of<Kind extends Effect['do']> = Extract<Effect, { do: Kind }>
type Receiving = Of<'offer' | 'abandon' | 'receiveText' | 'dropText' | 'receiveChunk'>

export class MessageFlow {
  readonly octets: OctetRouter
  readonly #options: MessageFlowOptions
  readonly #listener: MessageFlowListener
  readonly #pace: TextPace
  #runner: TransactionRunner | undefined
  readonly #toRunner: MessageListener
  #held = false

  constructor(options: MessageFlowOptions, listener: MessageFlowListener) {
    const { now } = options
    this.#options = options
    this.#listener = listener
    const toRunner: MessageListener = { tell: listener.tell, onDrain: () => this.#drained() }
    this.#toRunner = toRunner
    this.#pace = new TextPace(options.textMinimumRate, options.timeouts.textMs)
    this.octets = new OctetRouter(options, {
      octets: (octets) => this.#passOn(octets),
      turnEnded: () => this.#runner?.lookEarly(),
      textEnded: (sizeBytes, fault) => this.#runner?.endText(sizeBytes, fault),
      droppedTextEnded: () => listener.tell({ kind: 'refusedTextEnded', at: now() }),
      chunkTaken: (bytes) => {
        this.#runner?.lookEarly()
        listener.tell({ kind: 'chunkTaken', at: now(), bytes })
      },
    })
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
      this.#listener.client(),
      this.#toRunner,
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

  #passOn(octets: Buffer): void {
    if (this.#runner?.text(octets) !== false) return
    this.#held = true
    this.#pace.hold(performance.now())
    this.#listener.hold()
  }

  #drained(): void {
    this.#held = false
    this.#pace.goOn(performance.now())
    this.#listener.goOn()
  }
}
