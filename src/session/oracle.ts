/**
 * What the machine asks the world in the middle of a step, and is answered at once. Everything else
 * that it knows comes with its events. Whoever has the events and these answers can play a session
 * again (replay.ts).
 */
import type { Extensions } from '../smtp/ehlo.ts'
import type { ReturnWindow } from '../split/split-return.ts'
import type { MessageIdentity } from '../split/split.ts'
import type { PeerClass } from '../strategy/peer-class.ts'
import type { Allowance } from './allowance.ts'

/** What is known of a peer when its transaction begins; classes are chosen by it. */
export interface PeerFacts {
  readonly address: string
  readonly rdns?: string
  readonly helo: string
  readonly senderDomain: string
}

export interface ServedAs {
  readonly peer: PeerClass
  /** Rule 7: never split. */
  readonly trusted: boolean
  /** Whose host it is, as senders are learned. */
  readonly sender: string
  /** When its messages come back after a deferral; absent while none was seen to. */
  readonly comesBack?: ReturnWindow
}

export interface Oracle extends Allowance {
  /**
   * The class of a peer, with the strategy in force: by what was learned of it, and what an
   * administrator has set.
   */
  serve(peer: PeerFacts): ServedAs
  /** A new split's id. */
  newId(): string
  /** Whether a text of so many octets could be kept now; 0 where its size is not known. */
  roomFor(octets: number): boolean
  /** What the backend's EHLO said last. */
  backendExtensions(): Extensions
  /** Whether this host is believed when it says who the client is (XCLIENT). */
  xclientFrom(address: string): boolean
  /** Whether no new split may be begun any more (`rcptwise drain`). */
  draining(): boolean
  /** Whether octets have come behind the command that is under way. */
  unread(): boolean
  /** Which message this is, by its text, which is complete; undefined where that can't be told. */
  identify(): MessageIdentity | undefined
}

/** The questions that the connection answers. */
export type OwnAnswers = Pick<Oracle, 'unread' | 'identify'>
