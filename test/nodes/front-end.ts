/**
 * One front-end of the run: what src/app puts together for each connection, with a clock of its own
 * and a process that can be killed.
 */
import type { Fact } from '../../src/facts/fact.ts'
import { noteMissing } from '../../src/ledger/missing.ts'
import { reconcilingLedger } from '../../src/ledger/reconcile.ts'
import { sweep } from '../../src/ledger/sweep.ts'
import { learnFromFacts, lookUpLearned } from '../../src/peers/learning.ts'
import { isDraining } from '../../src/peers/overrides.ts'
import { PeerDirectory } from '../../src/peers/peer-directory.ts'
import type { Policies } from '../../src/policy/policy-source.ts'
import type { Client, SessionOptions } from '../../src/session/session.ts'
import type { ConfigurableStrategy } from '../../src/strategy/names.ts'
import type { Random } from '../support/random.ts'
import type { Behind } from './behind.ts'
import { Conversation, type ConversationParts } from './conversation.ts'
import { LedgerOfNode } from './ledger-of-node.ts'
import type { LedgerServer } from './ledger-server.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { VirtualLine } from './virtual-line.ts'

export interface FrontEndParts {
  readonly number: number
  readonly clock: VirtualClock
  readonly random: Random
  readonly server: LedgerServer
  readonly behind: Behind
  readonly policies: Policies
  /** Its clock is before the others by so much, ms. */
  readonly skewMs: number
  readonly onFact: (fact: Fact, node: number) => void
}

/** Defaults of the configuration (docs/configuration.md), as far as they matter here. */
const defaults = {
  answerMs: 300_000,
  underWayMs: 20_000,
  patienceMs: 5 * 86_400_000,
  keepMs: 86_400_000,
  missingAfterMs: 4 * 3_600_000,
} as const
const houseEveryMs = 600_000
/** A message is judged in so many ms, at least and at most. */
const judgeMs = [5, 60] as const

interface Process {
  readonly directory: PeerDirectory
  readonly ledger: LedgerOfNode
  readonly parts: Omit<ConversationParts, 'id' | 'say' | 'onEnd'>
  readonly open: Map<Conversation, VirtualLine>
  lives: boolean
  listens: boolean
}

export class FrontEnd {
  readonly number: number
  /** All that its processes have asked. */
  readonly ledgers: LedgerOfNode[] = []
  readonly #parts: FrontEndParts
  #process: Process | undefined
  #generation = 0
  #ids = 0

  constructor(parts: FrontEndParts) {
    this.number = parts.number
    this.#parts = parts
  }

  get listens(): boolean {
    return this.#process?.listens === true
  }

  async start(strategy: ConfigurableStrategy): Promise<void> {
    const process = this.#newProcess(strategy)
    this.#process = process
    this.ledgers.push(process.ledger)
    await process.ledger.begin()
    process.listens = true
    this.#keepHouse(process)
  }

  /** Undefined when nobody listens. */
  async connect(client: Client, wayMs: number): Promise<VirtualLine | undefined> {
    const { clock } = this.#parts
    await clock.sleep(2 * wayMs)
    const process = this.#process
    if (process?.listens !== true) return undefined
    const line = new VirtualLine(clock, wayMs)
    const parts = {
      ...process.parts,
      id: this.#newId(),
      say: (text: string): void => line.said(text),
      onEnd: (): void => {
        line.ended()
        process.open.delete(conversation)
      },
    }
    const { peer } = process.directory.serve({ ...client, helo: '', senderDomain: '' })
    const conversation = new Conversation(parts, client, peer.name)
    process.open.set(conversation, line)
    line.join(conversation)
    return line
  }

  /** SIGKILL, or the machine is gone. */
  kill(): void {
    const process = this.#process
    if (process === undefined) return
    this.#end(process)
    this.#parts.server.fallSilent(this.number)
  }

  /** SIGTERM: sessions end when they can, within the time that a stop has. */
  stop(withinMs: number): void {
    const process = this.#process
    if (process === undefined) return
    process.listens = false
    for (const conversation of [...process.open.keys()]) conversation.shutdown()
    this.#parts.clock.after(withinMs, () => {
      if (!process.lives) return
      void process.ledger.close()
      this.#end(process)
    })
  }

  #end(process: Process): void {
    process.lives = false
    process.listens = false
    for (const [conversation, line] of process.open) {
      conversation.die()
      line.ended()
    }
    process.open.clear()
    if (this.#process === process) this.#process = undefined
  }

  readonly #now = (): number => Math.floor(this.#parts.clock.now()) + this.#parts.skewMs

  #newId(): string {
    return `${this.number}x${(++this.#ids).toString(36)}`.padStart(16, 'a')
  }

  #newProcess(strategy: ConfigurableStrategy): Process {
    const { number, clock, server, behind, policies, random, onFact } = this.#parts
    const now = this.#now
    const lives = (): boolean => process.lives
    const ledger = new LedgerOfNode({ node: number, server, clock, lives })
    const directory = new PeerDirectory({
      classes: [{ ...peerClass, strategy }],
      trusted: [],
      overrides: () => ledger.overrides(),
      now,
      remembers: () => ledger.durable,
      learned: lookUpLearned(ledger.senders, now),
    })
    const learn = learnFromFacts({
      senders: ledger.senders,
      onFact: (fact) => onFact(fact, number),
    })
    const hear = (fact: Fact): void => {
      learn(fact)
      onFact(fact, number)
    }
    const oracle: ConversationParts['oracle'] = {
      serve: (peer) => directory.serve(peer),
      newId: () => this.#newId(),
      roomFor: () => true,
      backendExtensions: () => backendExtensions,
      xclientFrom: () => false,
      takes: () => undefined,
      draining: () => isDraining(ledger.overrides()),
    }
    const deliverer = {
      process: `front-end-${number}-${++this.#generation}`,
      answerMs: defaults.answerMs,
    }
    const parts = {
      ...{ clock, now, oracle, policies, behind, underWayMs: defaults.underWayMs },
      options: { ...sessionOptions, deliverer },
      ledger: reconcilingLedger(ledger, hear),
      judgeMs: () => random.between(...judgeMs),
      onFact: hear,
    }
    const process: Process = {
      ...{ directory, ledger, parts, open: new Map(), lives: true, listens: false },
    }
    return process
  }

  /** As src/app/sweeping.ts, but less often: it gives up what is days old. */
  #keepHouse(process: Process): void {
    const { clock, onFact, number } = this.#parts
    const round = async (): Promise<void> => {
      const { patienceMs, keepMs, missingAfterMs } = defaults
      const common = { ledger: process.ledger, now: this.#now }
      const tell = (fact: Fact): void => {
        process.parts.onFact(fact)
      }
      while (
        await sweep({ ...common, patienceMs, keepMs, onFact: (fact) => onFact(fact, number) })
      );
      await noteMissing({ ...common, missingAfterMs, onFact: tell })
    }
    const again = (): void => {
      if (!process.lives) return
      void round()
      clock.after(houseEveryMs, again)
    }
    clock.after(this.#parts.random.between(0, houseEveryMs), again)
  }
}

const peerClass = {
  name: 'default',
  deferCode: 451,
  retryHintSeconds: 60,
  first: 'largest',
  forgiveAs: 'lenient',
  forgiveAfter: 1,
  maxForcedRetries: 16,
  lenientAs: 'tag',
  deliverDeferred: false,
  match: { address: [], rdns: [], helo: [], senderDomain: [] },
} as const

const backendExtensions = new Map([
  ['8BITMIME', ''],
  ['DSN', ''],
  ['SIZE', '0'],
])

const sessionOptions: Omit<SessionOptions, 'deliverer'> = {
  hostname: 'mx.example.org',
  own: { messageSizeBytes: 50_000_000, chunking: false, greylist: false, prdr: 'own' },
  startTls: false,
  receivedHeader: false,
  mode: 'enforce',
  unknownRecipients: 'refuse',
  showMail: 'with_rcpt',
  lastWord: 'judges',
  limits: { recipients: 1000, transactionsPerSession: 1000, errorsPerSession: 20 },
}
