/**
 * Does what the machine wants done for one transaction: the backend, the look-up of recipients, the
 * ledger, the judge, the spool. Tells what came of it as events; after `abandon` it tells nothing
 * any more.
 */
import type { Backend, BackendTransaction } from '../backend/backend.ts'
import type { Bounce, Bounces } from '../bounce/bounce.ts'
import type { FactListener } from '../facts.ts'
import type { Judge, Judgement, Judging } from '../judge/judge.ts'
import { createFingerprint, type Fingerprint } from '../split/fingerprint.ts'
import type { Ledger, OpenLimit, OpenLimits } from '../ledger/ledger.ts'
import type { MessageIdentity } from '../split/split.ts'
import type { TextFault } from '../smtp/text-receiver.ts'
import type { SenderAuthenticator } from '../sender-auth/sender-auth.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'
import type { Effect, Event } from '../session/effects.ts'
import { type LookUpParts, RecipientLookUp } from './recipient-look-up.ts'
import { Spool, type SpoolOptions } from './spool.ts'
import { untilSettled } from './under-way.ts'

export interface RunnerParts extends LookUpParts {
  readonly backend: Backend
  readonly ledger: Ledger
  /** How many splits may be open before messages are served unsplit. */
  readonly openLimits: OpenLimits
  readonly judge: Judge
  readonly bounces: Bounces
  readonly voucher: SenderAuthenticator
  readonly spool: SpoolOptions
  /** From the end of the text to the answer, in ms. */
  readonly replyTimeoutMs: number
  /** How long a return waits for an earlier attempt that is still being delivered, in ms. */
  readonly underWayMs: number
  readonly onFact: FactListener
}

export interface RunnerListener {
  readonly tell: (event: Event) => void
  /** More of the text can be taken, after `text` said no. */
  readonly onDrain: () => void
}

export type TextStart = Pick<Extract<Effect, { do: 'receiveText' }>, 'fingerprint' | 'recipients'>

type Of<Kind extends Effect['do']> = Extract<Effect, { do: Kind }>

const silent = { kind: 'silent' } as const

/** A smaller text is kept until it is complete. */
const streamFromBytes = 64 * 1024

export class TransactionRunner {
  /** Of the transaction, in facts. */
  readonly #id: string
  readonly #parts: RunnerParts
  readonly #client: ClientAttributes
  readonly #tellMachine: (event: Event) => void
  /** More of the text can be taken. */
  readonly #onDrain: () => void
  readonly #transaction: BackendTransaction
  readonly #recipients: RecipientLookUp
  #sender = ''
  #spool: Spool | undefined
  #judging: Judging | undefined
  #bounce: Bounce | undefined
  /** Ends the question to SPF and DKIM. */
  #gone: AbortController | undefined
  /** Of the text, as far as it has come. */
  #fingerprint: Fingerprint | undefined
  #identity: MessageIdentity | undefined
  /** The machine wants to know which message this is. */
  #tellsIdentity = false
  /** Looked at after each turn of text, as long as the text may go on before it is complete. */
  #early: Judging | undefined
  #octets = 0
  #over = false
  #textEnded = false
  #judgeIsAsked = false
  #deadline: NodeJS.Timeout | undefined

  constructor(
    id: string,
    parts: RunnerParts,
    client: ClientAttributes,
    { tell, onDrain }: RunnerListener,
  ) {
    this.#id = id
    this.#parts = parts
    this.#client = client
    this.#tellMachine = tell
    this.#onDrain = onDrain
    this.#recipients = new RecipientLookUp(parts, (event) => this.#tell(event))
    this.#transaction = parts.backend.begin(
      id,
      {
        mailReplied: (reply) => this.#tell({ kind: 'mailReplied', at: parts.now(), reply }),
        recipientReplied: (index, reply) =>
          this.#tell({ kind: 'recipientReplied', at: parts.now(), index, reply }),
      },
      client,
    )
  }

  #tell(event: Event): void {
    if (!this.#over) this.#tellMachine(event)
  }

  begin(effect: Of<'begin'>): void {
    const limit = this.#parts.ledger.crowded(effect.opener, this.#parts.openLimits)
    if (limit instanceof Promise) void this.#tellWhenCrowded(limit)
    else this.#tellIfCrowded(limit)
    this.#transaction.mail(effect.mail, effect.each)
  }

  async #tellWhenCrowded(limit: Promise<OpenLimit | undefined>): Promise<void> {
    this.#tellIfCrowded(await limit)
  }

  #tellIfCrowded(limit: OpenLimit | undefined): void {
    if (limit !== undefined) this.#tell({ kind: 'crowded', at: this.#parts.now(), limit })
  }

  offer(effect: Of<'offer'>): void {
    this.#sender = effect.sender
    this.#recipients.ask(effect)
    this.#transaction.rcpt(effect.index, effect.argument)
  }

  startText({ fingerprint, recipients }: TextStart, streamable: boolean): void {
    this.#spool = new Spool(this.#parts.spool, this.#onDrain)
    this.#judging = this.#parts.judge.begin({
      clientAddress: this.#client.address ?? '',
      helo: this.#client.helo ?? '',
      reversePath: this.#sender,
      recipients,
    })
    if (streamable) this.#early = this.#judging
    this.#tellsIdentity = fingerprint
    if (fingerprint) this.#fingerprint = createFingerprint()
  }

  /** The next octets of the text. False: wait for `onDrain`. */
  text(chunk: Buffer): boolean {
    this.#octets += chunk.length
    this.#judging?.push(chunk)
    this.#fingerprint?.push(chunk)
    const mayGoOn = this.#spool?.append(chunk) ?? true
    if (
      this.#fingerprint === undefined &&
      (this.#octets >= streamFromBytes || this.#spool?.inFile === true)
    )
      this.#fingerprintLarge()
    return mayGoOn
  }

  /**
   * Should its client go, it would be too late: it may be passed on, or in a file. Until now all of
   * it is in memory.
   */
  #fingerprintLarge(): void {
    this.#fingerprint = createFingerprint()
    for (const chunk of this.#spool?.inMemory ?? []) this.#fingerprint.push(chunk)
  }

  /**
   * After a turn of text that was not its end: can it go on to the backend? Then it holds a
   * connection for as long as its client likes, so it has to be large enough to gain by it, and
   * connections must not be scarce.
   */
  lookEarly(): void {
    if (this.#early === undefined || this.#octets < streamFromBytes) return
    if (!this.#parts.backend.mayHold()) return
    const judgement = this.#early.settled()
    if (judgement === undefined) return
    this.#early = undefined
    this.#tell({ kind: 'judgedEarly', at: this.#parts.now(), judgement })
  }

  endText(sizeBytes: number, fault: TextFault | undefined): void {
    this.#textEnded = true
    const endedAt = this.#parts.now()
    this.#deadline = setTimeout(
      () => this.#outOfTime(sizeBytes, endedAt),
      this.#parts.replyTimeoutMs,
    )
    if (fault !== undefined) {
      this.#spool?.fail()
      this.#judging?.abandon()
      const text = { sizeBytes, endedAt, judgement: silent, fault }
      return this.#tell({ kind: 'textEnded', at: endedAt, text })
    }
    const judgement = this.#judging?.end() ?? silent
    const complete = this.#spool?.completeNow() !== false
    if (complete && !(judgement instanceof Promise)) this.#judged(sizeBytes, endedAt, judgement)
    else void this.#judgeInBackground(sizeBytes, endedAt, judgement)
  }

  async #judgeInBackground(
    sizeBytes: number,
    endedAt: number,
    judgement: Judgement | Promise<Judgement>,
  ): Promise<void> {
    this.#judgeIsAsked = judgement instanceof Promise
    const answered = Promise.resolve(judgement).then((found) => {
      this.#judgeIsAsked = false
      return found
    })
    await this.#spool?.complete()
    this.#judged(sizeBytes, endedAt, await answered)
  }

  #judged(sizeBytes: number, endedAt: number, judgement: Judgement): void {
    if (this.#over) return
    const { now, onFact } = this.#parts
    this.#noteJudged(endedAt, judgement)
    this.#identity = this.#fingerprint?.end()
    const identity = this.#tellsIdentity ? this.#identity : {}
    const trouble = this.#spool?.why
    if (trouble !== undefined)
      onFact({ kind: 'spoolFailed', at: now(), transaction: this.#id, why: trouble })
    const fault = this.#spool?.failed === true ? { fault: 'spool' as const } : {}
    this.#tell({
      kind: 'textEnded',
      at: now(),
      text: { sizeBytes, endedAt, judgement, ...identity, ...fault },
    })
  }

  #noteJudged(endedAt: number, judgement: Judgement): void {
    const { judge, now, onFact } = this.#parts
    const why = judgement.kind === 'failed' ? { why: judgement.why } : {}
    onFact({
      kind: 'judged',
      at: now(),
      transaction: this.#id,
      judge: judge.name,
      result: judgement.kind,
      ms: now() - endedAt,
      ...why,
    })
  }

  deliver(effect: Of<'deliver'>): void {
    void this.#deliverInBackground(effect)
  }

  async #deliverInBackground(effect: Of<'deliver'>): Promise<void> {
    const { parcels, mail, shown, streaming } = effect
    if (this.#spool === undefined) return
    if (streaming) this.#spool.stream()
    const order = {
      mail,
      shown,
      parcels: parcels.map((parcel) => ({
        ...parcel,
        redirected: parcel.result === 'quarantined',
      })),
    }
    const results = await this.#transaction.deliver(order, this.#spool, (parcel, result) =>
      this.#tell({ kind: 'parcelDelivered', at: this.#parts.now(), parcel, result }),
    )
    if (!this.#textEnded) this.#forgetRest()
    this.#tell({ kind: 'delivered', at: this.#parts.now(), results })
  }

  /**
   * The backend has answered before the text was complete: the rest of it is read and forgotten.
   */
  #forgetRest(): void {
    if (this.#over) return
    this.#spool?.close()
    this.#spool = undefined
    this.#judging?.abandon()
    this.#judging = undefined
    this.#onDrain()
  }

  /** Whether SPF or DKIM vouches for the sender of the text that is complete. */
  vouch({ reversePath, symbols }: Of<'vouch'>): void {
    const spool = this.#spool
    if (spool === undefined) return
    const { address = '', helo = '' } = this.#client
    const message = {
      clientAddress: address,
      helo,
      reversePath,
      symbols,
      chunks: () => spool.chunks(),
    }
    void this.#parts.voucher
      .vouchFor(message, (this.#gone = new AbortController()).signal)
      .then(({ kind }) =>
        this.#tell({ kind: 'vouched', at: this.#parts.now(), vouched: kind === 'vouched' }),
      )
  }

  /** Whether refusals can be reported to the sender. */
  prepareBounce(request: Of<'prepareBounce'>): void {
    if (this.#spool === undefined) return
    const { address = '', helo = '' } = this.#client
    const bounce = this.#parts.bounces.begin({
      ...request,
      client: { address, helo },
      text: this.#spool,
    })
    this.#bounce = bounce
    void bounce
      .prepare()
      .then((prepared) => this.#tell({ kind: 'bouncePrepared', at: this.#parts.now(), prepared }))
  }

  report({ refusals }: Of<'report'>): void {
    void this.#bounce
      ?.report(refusals)
      .then((reply) => this.#tell({ kind: 'reported', at: this.#parts.now(), reply }))
  }

  /**
   * Rule 1: what was not committed in time is not known to be taken, and the client has to keep it.
   */
  #outOfTime(sizeBytes: number, endedAt: number): void {
    if (this.#judgeIsAsked)
      this.#noteJudged(endedAt, { kind: 'failed', why: 'no answer in time (timeouts.reply)' })
    this.#judging?.abandon()
    this.#transaction.abandon()
    this.#bounce?.abandon()
    this.#tell({ kind: 'answerTimedOut', at: this.#parts.now(), sizeBytes, endedAt })
  }

  /** The backend is being given the text, or has it. */
  get committing(): boolean {
    return this.#transaction.committing
  }

  /** Which message this is, of a text that is complete. */
  identify(): MessageIdentity | undefined {
    if (this.#over) return undefined
    if (this.#identity !== undefined) return this.#identity
    const whole = this.#spool?.whole()
    if (whole === undefined) return undefined // it could not be kept
    const fingerprint = createFingerprint()
    for (const chunk of whole) fingerprint.push(chunk)
    this.#identity = fingerprint.end()
    return this.#identity
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
      this.#tell({ kind: 'deliveriesSettled', at: now(), ...outcome }),
    )
  }

  /**
   * Ends everything that is under way. The machine does this when a transaction is over, whatever
   * its end.
   */
  abandon(): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#deadline)
    this.#transaction.abandon()
    this.#bounce?.abandon()
    this.#gone?.abort()
    this.#recipients.abandon()
    if (!this.#textEnded) this.#judging?.abandon()
    this.#spool?.close()
  }
}
