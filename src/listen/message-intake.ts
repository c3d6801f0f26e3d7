/**
 * The text of one message on its way in: kept in the spool, told apart by its fingerprint, and
 * shown to the judges. May it go on to the backend before it is complete?
 */
import type { Backend } from '../backend/backend.ts'
import type { FactListener } from '../facts/fact.ts'
import type { JudgedEnvelope, Judges, JudgeTold, MessageJudging } from '../judge/judge.ts'
import { MessageIdReader } from '../message/message-id.ts'
import type { TextSource } from '../message/text-source.ts'
import type { Event } from '../session/effects.ts'
import type { TextFault } from '../smtp/text-receiver.ts'
import { createFingerprint, type Fingerprint } from '../split/fingerprint.ts'
import type { MessageIdentity } from '../split/split.ts'
import { type Findings, noFindings } from '../verdict/judgement.ts'
import { judgedFact } from './judged-fact.ts'
import { Spool, type SpoolOptions } from './spool.ts'

export interface IntakeParts {
  readonly judges: Judges
  readonly spool: SpoolOptions
  readonly backend: Pick<Backend, 'mayHold'>
  readonly onFact: FactListener
  readonly now: () => number
}

/** Objects that are there anyway: closures would be made anew for each message. */
export interface MessageListener {
  tell(event: Event): void
  /** More of the text can be taken. */
  onDrain(): void
}

export interface TextStart {
  readonly judged: JudgedEnvelope
  /** The machine wants to know which message this is. */
  readonly fingerprint: boolean
  /** The text may go on to the backend before it is complete. */
  readonly streamable: boolean
}

export interface EndedText {
  readonly sizeBytes: number
  readonly endedAt: number
}

/** A smaller text is kept until it is complete. */
const streamFromBytes = 64 * 1024

export class MessageIntake {
  readonly #parts: IntakeParts
  readonly #listener: MessageListener
  readonly #start: TextStart
  readonly #spool: Spool
  readonly #judging: MessageJudging
  /** Of the text, as far as it has come, where it is needed in any case. */
  #fingerprint: Fingerprint | undefined
  /** Of what was passed on and is not kept: should its client go, the rest of it is at hand. */
  #fingerprintOfGone: Fingerprint | undefined
  #identity: MessageIdentity | undefined
  /** Where there is no fingerprint, which reads it, too. */
  #messageIdReader: MessageIdReader | undefined
  #messageIdTold = false
  /** Looked at after each turn of text, as long as the text may go on before it is complete. */
  #looksEarly: boolean
  #octets = 0
  /** The rest of the text is read for nobody. */
  #forgotten = false
  #ended = false
  #stopped = false
  #handedOver = false
  #over = false

  constructor(parts: IntakeParts, start: TextStart, listener: MessageListener) {
    this.#parts = parts
    this.#listener = listener
    this.#start = start
    this.#spool = new Spool(
      parts.spool,
      () => listener.onDrain(),
      (gone) => {
        this.#fingerprintOfGone ??= createFingerprint()
        this.#fingerprintOfGone.push(gone)
      },
    )
    this.#judging = parts.judges.message({
      envelope: start.judged,
      text: this.#spool,
      onJudged: (told) => this.#noteJudged(told),
      onForeignRemoved: (names) => this.#noteRemoved(names),
    })
    this.#looksEarly = start.streamable
    if (start.fingerprint) this.#fingerprint = createFingerprint()
    else this.#messageIdReader = new MessageIdReader()
  }

  /** May still be coming in. */
  get text(): TextSource {
    return this.#spool
  }

  /** The next octets. False: wait for `onDrain`. */
  push(chunk: Buffer, dotted: boolean): boolean {
    this.#octets += chunk.length
    this.#judging.push(chunk)
    this.#fingerprint?.push(chunk)
    this.#messageIdReader?.push(chunk)
    const mayGoOn = this.#spool.append(chunk, dotted)
    if (this.#fingerprint === undefined && this.#spool.inFile) this.#fingerprintNow()
    return mayGoOn
  }

  /**
   * Later it would be too late, should its client go or something of it be kept. Until now all of
   * it is in memory, or was fingerprinted as it was let go.
   */
  #fingerprintNow(): void {
    this.#messageIdReader = undefined
    this.#fingerprint = this.#fingerprintOfGone ?? createFingerprint()
    for (const chunk of this.#spool.inMemory) this.#fingerprint.push(chunk)
  }

  /**
   * After a turn of text that was not its end: can it go on to the backend? Then it holds a
   * connection for as long as its client likes, so it has to be large enough to gain by it, and
   * connections must not be scarce.
   */
  lookEarly(): void {
    this.#tellMessageId(this.#parts.now())
    if (!this.#looksEarly || this.#octets < streamFromBytes) return
    if (!this.#parts.backend.mayHold()) return
    const findings = this.#judging.settled()
    if (findings === undefined) return
    this.#looksEarly = false
    this.#listener.tell({ kind: 'judgedEarly', at: this.#parts.now(), findings })
  }

  /** Before anything else is told of this text. */
  #tellMessageId(at: number): void {
    if (this.#messageIdTold || this.#over) return
    const messageId = this.#fingerprint?.messageId ?? this.#messageIdReader?.messageId
    if (messageId === undefined) return
    this.#messageIdTold = true
    this.#listener.tell({ kind: 'messageIdRead', at, messageId })
  }

  /** From now on one reader takes the text, and nothing is kept behind it. */
  stream(): void {
    this.#spool.stream()
  }

  /** The backend has answered before the end: the rest of the text is read and forgotten. */
  forgetRest(): void {
    if (this.#ended || this.#over) return
    this.#forgotten = true
    if (this.#fingerprint === undefined) this.#fingerprintNow()
    this.#judging.abandon()
    this.#spool.close()
    this.#listener.onDrain()
  }

  end(ended: EndedText, fault: TextFault | undefined): void {
    this.#ended = true
    this.#messageIdReader?.end()
    this.#tellMessageId(ended.endedAt)
    if (fault !== undefined) {
      this.#judging.abandon()
      this.#spool.fail()
      const text = { ...ended, findings: noFindings, fault }
      return this.#listener.tell({ kind: 'textEnded', at: ended.endedAt, text })
    }
    const findings = this.#forgotten ? noFindings : this.#judging.end()
    const complete = this.#forgotten || this.#spool.completeNow()
    if (complete && !(findings instanceof Promise)) this.#tellEnd(ended, findings)
    else void this.#endInBackground(ended, findings)
  }

  async #endInBackground(ended: EndedText, findings: Findings | Promise<Findings>): Promise<void> {
    await this.#spool.complete()
    this.#tellEnd(ended, await findings)
  }

  #tellEnd(ended: EndedText, findings: Findings): void {
    if (this.#over || this.#stopped) return
    const { now, onFact } = this.#parts
    this.#identity = this.#fingerprint?.end()
    const { why } = this.#spool
    const transaction = this.#start.judged.id
    if (why !== undefined) onFact({ kind: 'spoolFailed', at: now(), transaction, why })
    const text = { ...ended, findings, ...(this.#start.fingerprint && this.#identity) }
    const failed = this.#spool.failed && !this.#forgotten
    this.#listener.tell({
      kind: 'textEnded',
      at: now(),
      text: failed ? { ...text, fault: 'spool' } : text,
    })
  }

  #noteJudged(told: JudgeTold): void {
    const { now, onFact } = this.#parts
    onFact(judgedFact(this.#start.judged.id, told, now()))
  }

  #noteRemoved(names: readonly string[]): void {
    const { now, onFact } = this.#parts
    const transaction = this.#start.judged.id
    onFact({ kind: 'foreignFieldsRemoved', at: now(), transaction, names })
  }

  /** Which message this is, of a text that is complete. */
  identify(): MessageIdentity | undefined {
    if (this.#over) return undefined
    if (this.#identity !== undefined) return this.#identity
    const rest = this.#spool.rest()
    if (rest === undefined) return undefined // it could not be kept
    const fingerprint = this.#fingerprintOfGone ?? createFingerprint()
    for (const chunk of rest) fingerprint.push(chunk)
    this.#identity = fingerprint.end()
    return this.#identity
  }

  /** `why`: whoever has not judged it yet has failed, and what they find is not told. */
  stopJudging(why: string): void {
    this.#stopped = true
    this.#judging.abandon(why)
  }

  /** The text is somebody else's from now on, who closes it. */
  handOver(): { readonly envelope: JudgedEnvelope; readonly text: Spool } {
    this.#handedOver = true
    return { envelope: this.#start.judged, text: this.#spool }
  }

  /** Lets go of everything. */
  abandon(): void {
    this.#over = true
    this.#judging.abandon()
    if (!this.#handedOver) this.#spool.close()
  }
}
