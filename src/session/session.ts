/**
 * One client's conversation, as data: where it stands, what it is owed, what is to be done. No
 * socket, no clock; `step` (step.ts) is told what happens and leaves effects behind.
 *
 *     connected ─▶ greeted ─▶ ready ─▶ envelope ─▶ text | chunks ─▶ answering ─▶ ready
 *                    ▲          │          (RSET, HELO: back to ready)
 *                    └ securing ┘                                     any ─▶ closed
 */
import { type Extensions, noExtensions } from '../smtp/ehlo.ts'
import type { OwnExtensions } from '../smtp/ehlo.ts'
import type { Command } from '../smtp/command.ts'
import type { Reply } from '../smtp/reply.ts'
import type { Split } from '../split/split.ts'
import type { Step, Upstream } from './answering.ts'
import type { Effect } from './effects.ts'
import { type Journal, JournaledOracle } from './journal.ts'
import type { Oracle } from './oracle.ts'
import { allAnswered, newReplySlots, type ReplySlots } from './reply-slots.ts'
import type { Transaction } from './transaction.ts'
import { known } from '../known.ts'

export type State =
  | { readonly at: 'connected' }
  | { readonly at: 'greeted' }
  | { readonly at: 'ready'; readonly hello: Hello }
  | { readonly at: 'envelope'; readonly hello: Hello; readonly transaction: Transaction }
  /** After 354: the octets are text. */
  | {
      readonly at: 'text'
      readonly hello: Hello
      readonly transaction: Transaction
      readonly upstream: Upstream
    }
  /**
   * Between and within BDAT chunks; `left` of the octets of this chunk are awaited when `taking`.
   */
  | {
      readonly at: 'chunks'
      readonly hello: Hello
      readonly transaction: Transaction
      readonly taking: boolean
      readonly upstream: Upstream
    }
  /** A text comes although DATA was refused; it is dropped. */
  | { readonly at: 'refusedText'; readonly then: Extract<State, { at: 'greeted' | 'ready' }> }
  /** The text is complete; `step`: how far its answer is. */
  | Answering<Step>
  /** With a slot the backend is asked; without one it is the client's turn. */
  | { readonly at: 'authenticating'; readonly hello: Hello; readonly slot?: number }
  | { readonly at: 'securing' }
  | { readonly at: 'closed' }

export interface Answering<Now extends Step> {
  readonly at: 'answering'
  readonly hello: Hello
  readonly transaction: Transaction
  readonly slot: number
  readonly step: Now
}

export interface Hello {
  readonly verb: 'EHLO' | 'HELO'
  readonly domain: string
}

export interface Client {
  readonly address: string
  readonly port: number
  /** Host name that leads to the address and back; looked up only where a class asks for it. */
  readonly rdns?: string
  /** Our own address and port that it came to. */
  readonly local?: string
}

/** AUTH: `pass` offers it after TLS, `pass_in_clear` without TLS too. */
export type AuthMode = 'off' | 'pass' | 'pass_in_clear'

/** What is configured: data alone, what is asked is the oracle's. */
export interface SessionOptions {
  readonly hostname: string
  readonly own: OwnExtensions
  readonly startTls: boolean
  readonly receivedHeader: boolean
  /** Absent: off. */
  readonly auth?: AuthMode
  /** Absent: no backend could relay. */
  readonly relayDomains?: readonly string[]
  /** The backend trusts our address, and follows routes in local parts for all that is known. */
  readonly refuseRoutes?: boolean
  /**
   * `observe`: everything is passed on, and what would have been decided is found out behind the
   * answer (observe.ts).
   */
  readonly mode: 'enforce' | 'observe'
  readonly unknownRecipients: 'refuse' | 'conceal'
  /** When the backend hears of MAIL; until it does, the client hears that the sender is taken. */
  readonly showMail: 'at_once' | 'with_rcpt'
  /** Mailbox for quarantined mail: one character an octet. */
  readonly quarantine?: string
  /** `backend`: each group is asked of the server behind, whatever judges find. */
  readonly lastWord: 'judges' | 'backend'
  readonly limits: {
    readonly recipients: number
    readonly transactionsPerSession: number
    readonly errorsPerSession: number
  }
  /**
   * This process, and how long a text waits for its answer at most, in ms: what another attempt is
   * told of a delivery under way.
   */
  readonly deliverer: { readonly process: string; readonly answerMs: number }
}

export interface Session {
  readonly id: string
  readonly options: SessionOptions
  readonly oracle: Oracle
  readonly journal: Journal | undefined
  /** Who sends; another than at first once a proxy has said so (XCLIENT). */
  client: Client
  /** The host at the other end of the connection. */
  readonly connectedFrom: string
  /** Class name by address alone, for the session's own metrics. */
  readonly peerName: string
  readonly openedAt: number
  /** Now, ms since the epoch: the time of the event under way. Set by `step` alone. */
  readonly at: number
  state: State
  readonly slots: ReplySlots
  /** Left for the shell, which takes them after each step. */
  effects: Effect[]
  /** A command that waits until everything before it was answered. */
  held?: Command
  secured: boolean
  /** What the connection is secured with, where that is known. */
  tls?: TlsInUse
  /** What EHLO offered. */
  offered: Extensions
  /** The name of the last EHLO or HELO; survives into the log of a session that ends early. */
  helo: string
  errors: number
  transactions: number
  /** A 452 was given: the client may hold recipients back in this session (senders: Exim). */
  said452: boolean
  authenticated: boolean
  authFailures: number
  /** The last MAIL was refused, with this. */
  refusedMail?: Reply
  /**
   * How many more commands may follow a refused MAIL without being errors: they may have been
   * pipelined with it.
   */
  excused?: number
  /**
   * Whether the client hears its 250 is not known: the split that keeps the acknowledgement, as it
   * was saved.
   */
  unheard?: { readonly split: Split; readonly recipients: readonly string[] }
  /**
   * DATA was refused and nothing was begun since: the answer to its text, should it come all the
   * same.
   */
  refusedData?: Reply
}

export interface TlsInUse {
  readonly protocol: string
  readonly cipher: string
}

export interface SessionStart {
  readonly id: string
  readonly options: SessionOptions
  readonly client: Client
  readonly peerName: string
  readonly oracle: Oracle
  /** Absent: nothing is written down. */
  readonly journal?: Journal
  readonly at: number
  /** TLS from the first octet. */
  readonly secured: boolean
  readonly tls?: TlsInUse
}

export function newSession({ oracle, journal, ...start }: SessionStart): Session {
  journal?.write({ session: start })
  return {
    id: start.id,
    options: start.options,
    oracle: journal === undefined ? oracle : new JournaledOracle(oracle, journal),
    journal,
    client: start.client,
    connectedFrom: start.client.address,
    peerName: start.peerName,
    openedAt: start.at,
    at: start.at,
    state: { at: 'connected' },
    slots: newReplySlots(),
    effects: [],
    secured: start.secured,
    ...known({ tls: start.tls }),
    offered: noExtensions,
    helo: '',
    errors: 0,
    transactions: 0,
    said452: false,
    authenticated: false,
    authFailures: 0,
  }
}

/** The transaction under way, if one is. */
export function transactionOf(session: Session): Transaction | undefined {
  return 'transaction' in session.state ? session.state.transaction : undefined
}

/** May the shell hand over another command line? */
export function takesCommands(session: Session): boolean {
  if (session.held !== undefined) return false
  const { state } = session
  switch (state.at) {
    case 'greeted':
    case 'ready':
    case 'envelope':
      return true
    case 'chunks':
      return !state.taking
    case 'authenticating':
      return state.slot === undefined
    case 'connected':
    case 'text':
    case 'refusedText':
    case 'answering':
    case 'securing':
    case 'closed':
      return false
  }
}

/** What the client is being waited for: names the time limit that is in force. */
export function awaits(session: Session): 'command' | 'text' | 'answer' | 'nothing' {
  const { state } = session
  switch (state.at) {
    case 'text':
    case 'refusedText':
      return 'text'
    case 'chunks':
      return state.taking ? 'text' : 'command'
    case 'answering':
      return 'answer'
    case 'authenticating':
      return state.slot === undefined ? 'command' : 'answer'
    case 'greeted':
    case 'ready':
      return 'command'
    case 'envelope':
      return allAnswered(session.slots) ? 'command' : 'answer'
    case 'connected':
    case 'securing':
    case 'closed':
      return 'nothing'
  }
}

/** The backend was asked for the parcels: what it says outlives the client. */
export const isWithBackend = ({ state }: Session): boolean =>
  state.at === 'answering' && (state.step.at === 'delivering' || state.step.at === 'reporting')
