/**
 * One client's conversation with the machine alone: no socket, no clock. The test says what the
 * backend, the policies and the judge answer; what a shell would do around the machine (lines one
 * after the other, batches, held commands) is done here.
 */
import { createHash } from 'node:crypto'
import type { Fact } from '../../src/facts/fact.ts'
import type { TransactionFact } from '../../src/facts/transaction.ts'
import type { Prepared } from '../../src/bounce/bounce.ts'
import type { Findings, Judgement } from '../../src/verdict/judgement.ts'
import type { OpenLimit } from '../../src/ledger/ledger.ts'
import type { ReturnWindow } from '../../src/split/split-return.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import type { PolicyAnswer } from '../../src/policy/policy-source.ts'
import type { Effect, Event, ParcelOrder, ParcelReply, TextEnd } from '../../src/session/effects.ts'
import type { Journal } from '../../src/session/journal.ts'
import type { Oracle } from '../../src/session/oracle.ts'
import { takeReady } from '../../src/session/reply-slots.ts'
import {
  type Client,
  newSession,
  type Session,
  type SessionOptions,
  takesCommands,
} from '../../src/session/session.ts'
import { step } from '../../src/session/step.ts'
import type { Reply } from '../../src/smtp/reply.ts'
import type { MessageIdentity } from '../../src/split/split.ts'
import type { PeerClass } from '../../src/strategy/peer-class.ts'
import { found } from './found.ts'
import { MemoryLedger } from './memory-ledger.ts'

export const yes: Reply = { code: 250, lines: ['2.0.0 Ok: queued as 4ABCDEF'] }
export const policies = {
  tagOnly: { name: 'tag-only', tagAt: 6, neverDefer: false },
  careful: { name: 'careful', tagAt: 6, rejectAt: 15, neverDefer: false },
  strict: { name: 'strict', tagAt: 5, rejectAt: 8, neverDefer: false },
  vip: { name: 'vip', tagAt: 7, neverDefer: true },
  patient: { name: 'patient', tagAt: 5, deferAt: 9, neverDefer: false },
  own: { name: 'own', rejectAt: 9, group: 'own', neverDefer: false },
  boxed: { name: 'boxed', quarantineAt: 6, neverDefer: false },
} as const satisfies Record<string, Policy>

export const defaultPeer: PeerClass = {
  name: 'default',
  strategy: 'group',
  deferCode: 451,
  retryHintSeconds: 60,
  first: 'largest',
  forgiveAs: 'lenient',
  forgiveAfter: 1,
  maxForcedRetries: 16,
  lenientAs: 'tag',
  deliverDeferred: false,
}

/** What the world answers. `undefined` for a reply: it comes later, by `tell`. */
export interface World {
  readonly mail: (argument: string) => Reply | undefined
  readonly rcpt: (address: string) => Reply | undefined
  readonly policy: (address: string) => PolicyAnswer | undefined
  readonly deliver: (
    parcel: ParcelOrder,
    mail: string,
  ) => { readonly reply: Reply; readonly own?: ReadonlyMap<number, Reply> } | undefined
  /** Whether refusals can be reported, and what the backend says to the report. */
  readonly bounce: () => Prepared | undefined
  /** Whether SPF or DKIM vouches for the message. */
  readonly vouch: () => boolean | undefined
  readonly report: () => Reply | undefined
  /** Whether whoever else was at a delivery of the same message is at it no more. */
  readonly othersAreDone: () => boolean | undefined
}

export interface MachineOptions {
  readonly world?: Partial<World>
  readonly session?: Partial<SessionOptions>
  readonly oracle?: Partial<Oracle>
  /** Of the session; replayed by `replayed`. */
  readonly journal?: Journal
  readonly peer?: Partial<PeerClass>
  readonly trusted?: boolean
  readonly ledger?: MemoryLedger
  /** Policies by address; others have `careful`. */
  readonly recipients?: Readonly<Record<string, Policy>>
  readonly now?: () => number
  readonly client?: Client
  /** Whose host it is; its address unless said otherwise. */
  readonly farm?: string
  /** What was learned of the sender's returns; absent: it was never seen to come back. */
  readonly comesBack?: ReturnWindow
  /** So many splits are open. */
  readonly crowded?: OpenLimit
  /** What stands behind MAIL unless said otherwise, with a blank before it. */
  readonly parameters?: string
}

/**
 * A sender that is known to come back, and declares SIZE: the return of its message is taken for
 * one at RCPT.
 */
export const knownSender = {
  comesBack: { fromMs: 0, toMs: Infinity },
  parameters: ' SIZE=1000',
} as const

interface Intake {
  readonly unreadBytes: number
}

export interface Text {
  /** What tells this message from others. */
  readonly message: string
  readonly judgement: Judgement
  /** Of several judges, or with more than a judgement. */
  readonly findings: Findings
  /** `time`: `timeouts.reply` comes before a judgement. */
  readonly fault: NonNullable<TextEnd['fault']> | 'time'
}

let ids = 0

export class Machine {
  readonly session: Session
  readonly ledger: MemoryLedger
  readonly facts: Fact[] = []
  /** Parcels that were ordered, with the order's own data, in order. */
  readonly parcels: (ParcelOrder & { readonly mail: string; readonly reply: Reply })[] = []
  readonly effects: Effect[] = []
  /** Whom each report of refusals names. */
  readonly reports: (readonly string[])[] = []
  /** What left in one write each. */
  readonly writes: string[] = []
  /** The client goes as soon as the backend was given the text, and hears nothing more. */
  leavesAfterDot = false
  /**
   * It goes on after its replies, as who has read them does; one that has closed its side may have
   * gone.
   */
  goesOn = true
  /** A save that the ledger refused. */
  lostSaves = 0
  readonly #world: World
  readonly #now: () => number
  readonly #parameters: string
  readonly #crowded: OpenLimit | undefined
  #unread: string[] = []
  #intake: Intake | undefined
  #events: Event[] = []
  #stepping = false
  #fingerprint = false
  /** Of the last text, once it is complete. */
  #identity: MessageIdentity | undefined

  constructor(options: MachineOptions = {}) {
    this.ledger = options.ledger ?? new MemoryLedger()
    this.#now = options.now ?? (() => 1_000_000)
    this.#parameters = options.parameters ?? ''
    this.#crowded = options.crowded
    const known = options.recipients ?? {}
    this.#world = {
      mail: () => ({ code: 250, lines: ['2.1.0 Ok'] }),
      rcpt: () => ({ code: 250, lines: ['2.1.5 Ok'] }),
      policy: (address) => ({ kind: 'found', policy: known[address] ?? policies.careful }),
      deliver: () => ({ reply: yes }),
      bounce: () => ({ ready: true, by: 'spf' }),
      vouch: () => false,
      report: () => yes,
      othersAreDone: () => true,
      ...options.world,
    }
    const peer: PeerClass = { ...defaultPeer, ...options.peer }
    const sessionOptions: SessionOptions = {
      hostname: 'mx.test',
      own: { messageSizeBytes: 50_000_000, chunking: true, greylist: false, prdr: 'own' },
      startTls: true,
      receivedHeader: false,
      mode: 'enforce',
      unknownRecipients: 'refuse',
      showMail: 'with_rcpt',
      lastWord: 'judges',
      limits: { recipients: 1000, transactionsPerSession: 1000, errorsPerSession: 20 },
      deliverer: { process: 'here', answerMs: 300_000 },
      ...options.session,
    }
    const oracle: Oracle = {
      backendExtensions: () =>
        new Map([
          ['8BITMIME', ''],
          ['DSN', ''],
          ['SMTPUTF8', ''],
          ['SIZE', '0'],
        ]),
      serve: ({ address }) => ({
        peer,
        trusted: options.trusted ?? false,
        sender: options.farm ?? address,
        ...(options.comesBack === undefined ? {} : { comesBack: options.comesBack }),
      }),
      newId: () => `split${++ids}`,
      roomFor: () => true,
      xclientFrom: () => false,
      takes: () => undefined,
      draining: () => false,
      unread: () => this.#unread.length > 0 || (this.#intake?.unreadBytes ?? 0) > 0,
      identify: () => this.#identity,
      ...options.oracle,
    }
    const client = options.client ?? { address: '192.0.2.1', port: 40_000 }
    this.session = newSession({
      id: 'session1',
      options: sessionOptions,
      oracle,
      ...(options.journal === undefined ? {} : { journal: options.journal }),
      client,
      peerName: peer.name,
      at: this.#now(),
      secured: false,
    })
  }

  /** A machine that has been greeted and said EHLO. */
  static ready(options: MachineOptions = {}): Machine {
    const machine = new Machine(options)
    machine.connect()
    machine.send('EHLO client.test')
    return machine
  }

  /** Octets come by this intake, and not by `send`. */
  reads(intake: Intake): void {
    this.#intake = intake
  }

  connect(earlyTalker = false): string[] {
    return this.#turn(() => this.#step({ kind: 'connected', at: this.#now(), earlyTalker }))
  }

  /** Sends lines in one go; gives the reply lines that left because of it. */
  send(...lines: readonly string[]): string[] {
    return this.#turn(() => {
      this.#unread.push(...lines)
    })
  }

  /** Something happens outside of the client: a reply of the backend, a time-out. */
  tell(event: DistributiveOmit<Event, 'at'>): string[] {
    if (event.kind === 'inputEnded') this.goesOn = false
    return this.#turn(() => this.#step({ ...event, at: this.#now() }))
  }

  /** The whole text after 354. */
  text(text: Partial<Text> = {}): string[] {
    const message = text.message ?? 'message'
    this.#identity = undefined
    if (text.fault === 'time')
      return this.tell({ kind: 'answerTimedOut', sizeBytes: 100, endedAt: this.#now() })
    const fingerprint = createHash('sha256').update(message).digest('hex')
    this.#identity = { fingerprint, messageId: `<${message}@test>` }
    const end: TextEnd = {
      sizeBytes: 100,
      endedAt: this.#now(),
      findings: text.findings ?? found(text.judgement ?? { kind: 'silent' }),
      ...(this.#fingerprint ? this.#identity : {}),
      ...(text.fault === undefined ? {} : { fault: text.fault }),
    }
    return this.tell({ kind: 'textEnded', text: end })
  }

  /** MAIL, RCPTs and DATA in one go; replies to RCPT in order, and the reply to DATA. */
  envelope(
    sender: string,
    recipients: readonly string[],
    parameters = '',
  ): { readonly rcpts: string[]; readonly data: string } {
    const replies = this.send(
      `MAIL FROM:<${sender}>${parameters}`,
      ...recipients.map((recipient) => `RCPT TO:<${recipient}>`),
      'DATA',
    )
    return { rcpts: replies.slice(1, -1), data: replies.at(-1) ?? '' }
  }

  /** One message over this connection: replies to RCPT, to DATA, and to the text. */
  message(
    recipients: readonly string[],
    text: Partial<Text> = {},
    parameters = this.#parameters,
  ): { rcpts: string[]; data: string; text: string[] } {
    const envelope = this.envelope('sender@example.net', recipients, parameters)
    return { ...envelope, text: envelope.data.startsWith('354') ? this.text(text) : [] }
  }

  get transactions(): TransactionFact[] {
    return this.facts.filter((fact) => fact.kind === 'transactionEnded')
  }

  get closed(): boolean {
    return this.session.state.at === 'closed'
  }

  #turn(begin: () => void): string[] {
    begin()
    let read = false
    while (takesCommands(this.session)) {
      const text = this.#unread.shift()
      if (text === undefined) {
        if (read) this.#step({ kind: 'batchEnded', at: this.#now() })
        break
      }
      read = true
      this.#step({ kind: 'line', at: this.#now(), text })
    }
    const left = takeReady(this.session.slots)
    if (left === '') return []
    if (this.session.unheard !== undefined && this.goesOn)
      this.#step({ kind: 'heard', at: this.#now() })
    this.writes.push(left)
    return left.slice(0, -2).split('\r\n')
  }

  #step(event: Event): void {
    this.#events.push(event)
    if (this.#stepping) return
    this.#stepping = true
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      step(this.session, next)
      const { effects } = this.session
      this.session.effects = []
      for (const effect of effects) this.#do(effect)
    }
    this.#stepping = false
  }

  #do(effect: Effect): void {
    this.effects.push(effect)
    const at = this.#now()
    switch (effect.do) {
      case 'begin': {
        if (this.#crowded !== undefined) this.#step({ kind: 'crowded', at, limit: this.#crowded })
        const reply = this.#world.mail(effect.mail)
        if (reply !== undefined) this.#step({ kind: 'mailReplied', at, reply })
        return
      }
      case 'offer': {
        const splits = this.ledger.recall(effect.sender, effect.key)
        const known = { kind: 'recipientKnown', at, index: effect.index, splits } as const
        if (this.session.options.mode === 'observe') this.#step(known)
        else {
          const policy = this.#world.policy(effect.address)
          if (policy !== undefined) this.#step({ ...known, policy })
        }
        const reply = this.#world.rcpt(effect.address)
        if (reply !== undefined)
          this.#step({ kind: 'recipientReplied', at, index: effect.index, reply })
        return
      }
      case 'receiveText':
      case 'receiveChunk':
        this.#fingerprint = effect.fingerprint
        return
      case 'deliver': {
        const identity = this.#identity
        if (this.leavesAfterDot && identity !== undefined)
          this.#step({ kind: 'clientLost', at, identity })
        const results: ParcelReply[] = []
        for (const parcel of effect.parcels) {
          const answer = this.#world.deliver(parcel, effect.mail)
          if (answer === undefined) continue
          this.parcels.push({ ...parcel, mail: effect.mail, reply: answer.reply })
          const result = { reply: answer.reply, own: answer.own ?? new Map<number, Reply>(), ms: 1 }
          this.#step({ kind: 'parcelDelivered', at, parcel: results.length, result })
          results.push(result)
        }
        if (results.length === effect.parcels.length) this.#step({ kind: 'delivered', at, results })
        return
      }
      case 'awaitDeliveries': {
        const split = this.ledger.splits.get(effect.split)
        const settled = this.#world.othersAreDone()
        if (settled === undefined) return
        return this.#step({
          kind: 'deliveriesSettled',
          at,
          settled,
          ...(split === undefined ? {} : { split }),
        })
      }
      case 'vouch': {
        const vouched = this.#world.vouch()
        if (vouched !== undefined) this.#step({ kind: 'vouched', at, vouched })
        return
      }
      case 'prepareBounce': {
        const prepared = this.#world.bounce()
        if (prepared !== undefined) this.#step({ kind: 'bouncePrepared', at, prepared })
        return
      }
      case 'report': {
        this.reports.push(effect.refusals.map(({ recipient }) => recipient))
        const reply = this.#world.report()
        if (reply !== undefined) this.#step({ kind: 'reported', at, reply })
        return
      }
      case 'save':
        if (!this.ledger.save(effect.split)) this.lostSaves++
        return
      case 'note':
        this.facts.push(effect.fact)
        return
      case 'abandon':
      case 'observe':
      case 'authenticate':
      case 'endAuth':
      case 'dropText':
      case 'secure':
      case 'close':
        return
    }
  }
}

type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never
