/**
 * What src/listen/connection.ts is to a socket, where there is none: octets in, events to the
 * machine, effects done, replies out in one write a turn. Time, the ledger, the server behind and
 * the judge are those of the run; what is decided is decided by src/session, and the look-up of
 * recipients, the wait for deliveries and the order of writes are those of src/listen.
 */
import type { Ledger } from '../../src/ledger/ledger.ts'
import { PendingWrites } from '../../src/listen/pending-writes.ts'
import { RecipientLookUp } from '../../src/listen/recipient-look-up.ts'
import { untilSettled } from '../../src/listen/under-way.ts'
import type { Policies } from '../../src/policy/policy-source.ts'
import type { Effect, Event, ParcelReply, TextEnd } from '../../src/session/effects.ts'
import type { Oracle } from '../../src/session/oracle.ts'
import { allAnswered, takeReady } from '../../src/session/reply-slots.ts'
import {
  type Client,
  isWithBackend,
  newSession,
  type Session,
  type SessionOptions,
  takesCommands,
} from '../../src/session/session.ts'
import { step } from '../../src/session/step.ts'
import { createFingerprint } from '../../src/split/fingerprint.ts'
import type { MessageIdentity } from '../../src/split/split.ts'
import type { Fact } from '../../src/facts/fact.ts'
import { found } from '../support/found.ts'
import type { Behind } from './behind.ts'
import { letterIn, scoreIn } from './letter-text.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface ConversationParts {
  readonly id: string
  readonly clock: VirtualClock
  /** By the clock of the front-end. */
  readonly now: () => number
  readonly options: SessionOptions
  readonly oracle: Omit<Oracle, 'unread' | 'identify'>
  readonly ledger: Ledger
  readonly policies: Policies
  readonly behind: Behind
  readonly judgeMs: () => number
  readonly onFact: (fact: Fact) => void
  readonly underWayMs: number
  /** To the client. */
  readonly say: (text: string) => void
  readonly onEnd: () => void
}

/** `inputEnded`: the client has closed its socket; `dead`: the front-end is no more. */
type Life = 'open' | 'inputEnded' | 'inputEndTold' | 'ended' | 'gone' | 'dead'

/** A transaction, for who still works for it. */
interface UnderWay {
  readonly lookUp: RecipientLookUp
  over: boolean
  /** Of a text that has come whole. */
  letter?: string
  identity?: MessageIdentity
  /** The server behind is being given it, or has it. */
  committing?: true
}

const yes = { code: 250, lines: ['2.1.5 Ok'] } as const
const endOfText = '\r\n.\r\n'
/** SPF and DKIM. */
const vouchMs = 15

type Of<Kind extends Effect['do']> = Extract<Effect, { do: Kind }>

export class Conversation {
  readonly session: Session
  readonly #parts: ConversationParts
  readonly #events: Event[] = []
  readonly #writes = new PendingWrites(() => this.#flush())
  #input = ''
  #running = false
  #batchOpen = false
  #text: 'none' | 'coming' | 'complete' = 'none'
  #fingerprints = false
  #life: Life = 'open'
  #transaction: UnderWay | undefined

  constructor(parts: ConversationParts, client: Client, peerName: string) {
    this.#parts = parts
    this.session = newSession({
      id: parts.id,
      options: parts.options,
      oracle: {
        ...parts.oracle,
        unread: () => this.#input !== '',
        identify: () => this.#transaction?.identity,
      },
      client,
      peerName,
      at: parts.now(),
      secured: false,
    })
    this.#send({ kind: 'connected', at: parts.now(), earlyTalker: false })
  }

  receive(text: string): void {
    if (this.#life !== 'open' || this.session.state.at === 'closed') return
    this.#input += text
    this.#pump()
  }

  /** The client has closed its socket: nobody hears what is said from now on. */
  endOfInput(): void {
    if (this.#life !== 'open') return
    this.#life = 'inputEnded'
    this.#pump()
  }

  /** RST, or what was said has found nobody. */
  lost(): void {
    if (this.#isOver) return
    this.#life = 'ended'
    const identity = this.#identityOfCommitted()
    const at = this.#parts.now()
    this.#send(
      identity === undefined ? { kind: 'clientLost', at } : { kind: 'clientLost', at, identity },
    )
    if (this.session.state.at === 'closed') this.#letGo()
  }

  shutdown(): void {
    if (this.session.state.at !== 'closed') this.#send({ kind: 'shutdown', at: this.#parts.now() })
  }

  /** With its front-end: nothing is written down any more. */
  die(): void {
    this.#life = 'dead'
    this.#transaction?.lookUp.abandon()
  }

  get #isOver(): boolean {
    return this.#life === 'ended' || this.#life === 'gone' || this.#life === 'dead'
  }

  #letGo(): void {
    if (this.#life === 'gone' || this.#life === 'dead') return
    this.#life = 'gone'
    this.#abandon()
    this.#parts.onEnd()
  }

  #pump(): void {
    if (this.#running || this.#life === 'dead') return
    const { now } = this.#parts
    this.#readText()
    while (takesCommands(this.session)) {
      const end = this.#input.indexOf('\r\n')
      if (end === -1) {
        if (!this.#batchOpen) break
        this.#batchOpen = false
        this.#send({ kind: 'batchEnded', at: now() })
        break
      }
      this.#batchOpen = true
      const text = this.#input.slice(0, end)
      this.#input = this.#input.slice(end + 2)
      if (this.#goesOn) this.#handle({ kind: 'heard', at: now() })
      this.#handle({ kind: 'line', at: now(), text })
      this.#readText()
    }
    this.#flush()
    if (this.#life === 'open' || this.#isOver) return
    this.#noteEndOfInput()
    if (this.#owesNothing()) this.#send({ kind: 'clientLost', at: now() })
  }

  get #goesOn(): boolean {
    return this.session.unheard !== undefined && this.#life === 'open'
  }

  /** What is asked of the server behind already goes on without the client. */
  #identityOfCommitted(): MessageIdentity | undefined {
    const { committing, identity } = this.#transaction ?? {}
    return isWithBackend(this.session) && committing === true ? identity : undefined
  }

  #noteEndOfInput(): void {
    const identity = isWithBackend(this.session) ? this.#transaction?.identity : undefined
    if (identity === undefined || this.#life !== 'inputEnded') return
    this.#life = 'inputEndTold'
    this.#send({ kind: 'inputEnded', at: this.#parts.now(), identity })
  }

  #owesNothing(): boolean {
    const { state, held, slots } = this.session
    return (
      state.at !== 'closed' && state.at !== 'answering' && held === undefined && allAnswered(slots)
    )
  }

  #readText(): void {
    if (this.#text !== 'coming') return
    const whole = `\r\n${this.#input}`
    const end = whole.indexOf(endOfText)
    if (end === -1) return
    this.#text = 'complete'
    this.#input = whole.slice(end + endOfText.length)
    const at = this.#parts.now()
    if (this.session.state.at === 'refusedText') this.#send({ kind: 'refusedTextEnded', at })
    else if (this.#transaction !== undefined)
      this.#judge(this.#transaction, end === 0 ? '' : whole.slice(2, end + 2))
  }

  #judge(transaction: UnderWay, text: string): void {
    const { clock, now, judgeMs } = this.#parts
    const octets = Buffer.from(text, 'latin1')
    const fingerprint = createFingerprint()
    fingerprint.push(octets)
    const identity = fingerprint.end()
    transaction.identity = identity
    transaction.letter = letterIn(text)
    const symbols = ['R_SPF_ALLOW']
    const end: TextEnd = {
      sizeBytes: octets.length,
      endedAt: now(),
      findings: found({ kind: 'judged', score: scoreIn(text), symbols }),
      ...(this.#fingerprints ? identity : {}),
    }
    clock.after(judgeMs(), () =>
      this.#tell(transaction, { kind: 'textEnded', at: now(), text: end }),
    )
  }

  /** Of a transaction that is over nothing is told any more. */
  #tell(transaction: UnderWay, event: Event): void {
    if (!transaction.over) this.#send(event)
  }

  #send(event: Event): void {
    if (this.#life === 'dead') return
    if (this.#running) {
      this.#events.push(event)
      return
    }
    this.#handle(event)
    this.#pump()
  }

  #handle(event: Event): void {
    this.#running = true
    for (let next: Event | undefined = event; next !== undefined; next = this.#events.shift()) {
      step(this.session, next)
      const { effects } = this.session
      this.session.effects = []
      for (const effect of effects) this.#do(effect)
    }
    this.#running = false
  }

  #do(effect: Effect): void {
    const { ledger, onFact } = this.#parts
    switch (effect.do) {
      case 'begin':
        return this.#begin(effect)
      case 'offer':
        return this.#offer(effect)
      case 'abandon':
        return this.#abandon()
      case 'receiveText':
        this.#fingerprints = effect.fingerprint
        this.#text = 'coming'
        return
      case 'dropText':
        this.#text = 'coming'
        return
      case 'deliver':
        return this.#whenWritten(() => this.#deliver(effect))
      case 'awaitDeliveries':
        return this.#awaitDeliveries(effect)
      case 'vouch':
        return this.#later(vouchMs, (at) => ({ kind: 'vouched', at, vouched: true }))
      case 'prepareBounce':
        return this.#later(vouchMs, (at) => ({
          kind: 'bouncePrepared',
          at,
          prepared: { ready: true, by: 'spf' },
        }))
      case 'report':
        return this.#whenWritten(() =>
          this.#later(vouchMs, (at) => ({ kind: 'reported', at, reply: yes })),
        )
      case 'save':
        return this.#writes.add(ledger.save(effect.split))
      case 'close':
        return this.#whenWritten(() => this.#close())
      case 'note':
        return onFact(effect.fact)
      case 'receiveChunk':
      case 'observe':
      case 'secure':
      case 'authenticate':
      case 'endAuth':
        throw new Error(`no sender of this run asks for that: ${effect.do}`)
    }
  }

  #begin({ opener }: Of<'begin'>): void {
    const { ledger, policies, now, behind } = this.#parts
    const tell = (event: Event): void => {
      this.#tell(transaction, event)
    }
    const transaction: UnderWay = {
      lookUp: new RecipientLookUp({ ledger, policies, now }, { tell }),
      over: false,
    }
    this.#transaction = transaction
    void ledger.crowded(opener, { perSender: 1, bytesPerSender: 1, perClient: 1, all: 1 })
    behind.answer(() => tell({ kind: 'mailReplied', at: now(), reply: yes }))
  }

  #offer(effect: Of<'offer'>): void {
    const transaction = this.#transaction
    if (transaction === undefined) return
    const { behind, now } = this.#parts
    const { index } = effect
    transaction.lookUp.ask(effect)
    behind.answer(() =>
      this.#tell(transaction, { kind: 'recipientReplied', at: now(), index, reply: yes }),
    )
  }

  #abandon(): void {
    if (this.#transaction === undefined) return
    this.#transaction.over = true
    this.#transaction.lookUp.abandon()
    this.#transaction = undefined
    this.#text = 'none'
  }

  #deliver({ parcels }: Of<'deliver'>): void {
    const transaction = this.#transaction
    if (transaction?.letter === undefined) return
    const { behind, now } = this.#parts
    const { letter } = transaction
    transaction.committing = true
    const results: ParcelReply[] = []
    let answered = 0
    parcels.forEach((order, parcel) => {
      const lives = (): boolean => this.#life !== 'dead'
      behind.take(letter, order, lives, (reply, ms) => {
        const result: ParcelReply = { reply, own: new Map(), ms }
        results[parcel] = result
        this.#tell(transaction, { kind: 'parcelDelivered', at: now(), parcel, result })
        if (++answered === parcels.length)
          this.#tell(transaction, { kind: 'delivered', at: now(), results })
      })
    })
  }

  #awaitDeliveries(effect: Of<'awaitDeliveries'>): void {
    const transaction = this.#transaction
    if (transaction === undefined) return
    const { ledger, now, clock, underWayMs, options } = this.#parts
    const waits = {
      ...{ ledger, now, limitMs: underWayMs, answerMs: options.deliverer.answerMs },
      isOver: (): boolean => transaction.over || this.#life === 'dead',
      steady: clock.now,
      pause: clock.sleep,
    }
    void untilSettled(effect, waits).then((outcome) =>
      this.#tell(transaction, { kind: 'deliveriesSettled', at: now(), ...outcome }),
    )
  }

  #later(ms: number, event: (at: number) => Event): void {
    const transaction = this.#transaction
    if (transaction === undefined) return
    const { clock, now } = this.#parts
    clock.after(ms, () => this.#tell(transaction, event(now())))
  }

  #whenWritten(act: () => void): void {
    this.#writes.whenDone(() => {
      if (this.#life !== 'dead') act()
    })
  }

  #flush(): void {
    if (this.#writes.open || this.#isOver) return
    const text = takeReady(this.session.slots)
    if (text !== '') this.#parts.say(text)
  }

  #close(): void {
    if (this.#isOver) return this.#letGo()
    this.#flush()
    if (this.#goesOn) this.#send({ kind: 'heard', at: this.#parts.now() })
    this.#letGo()
  }
}
