/**
 * What the machine is told and what it wants done, as data. The shell in src/listen does it and
 * tells what came of it.
 */
import type { Reply } from '../smtp/reply.ts'
import type { TextFault } from '../smtp/text-receiver.ts'
import type { Fact } from '../facts/fact.ts'
import type { ClientCertificate } from '../facts/sessions.ts'
import type { JudgedEnvelope } from '../judge/judge.ts'
import type { Revision } from '../message/edits.ts'
import type { MessageIdentity } from '../split/split.ts'
import type { OpenLimit, Opener } from '../ledger/ledger.ts'
import type { Split } from '../split/split.ts'
import type { PolicyAnswer } from '../policy/policy-source.ts'
import type { Findings } from '../verdict/judgement.ts'
import type { ParcelResult } from '../verdict/parcels.ts'
import type { BounceRequest, Prepared } from '../bounce/bounce.ts'
import type { Refusal } from '../dsn/report.ts'
import type { ObservedMessage } from './observed-message.ts'

/** `at`: ms since the epoch. */
export type Event =
  | { readonly kind: 'connected'; readonly at: number; readonly earlyTalker: boolean }
  /** A whole command line without CRLF. */
  | { readonly kind: 'line'; readonly at: number; readonly text: string }
  | { readonly kind: 'lineTooLong' | 'strayByte'; readonly at: number }
  /** No further whole line is at hand: what was pipelined together ends here. */
  | { readonly kind: 'batchEnded'; readonly at: number }
  | { readonly kind: 'mailReplied'; readonly at: number; readonly reply: Reply }
  | {
      readonly kind: 'recipientReplied'
      readonly at: number
      readonly index: number
      readonly reply: Reply
    }
  | {
      readonly kind: 'recipientKnown'
      readonly at: number
      readonly index: number
      /** Absent where none is asked for now (`mode: observe`). */
      readonly policy?: PolicyAnswer
      readonly splits: readonly Split[]
    }
  /** So many splits are open already that this message can't begin another one. */
  | { readonly kind: 'crowded'; readonly at: number; readonly limit: OpenLimit }
  /** The chunk of a BDAT that is not the last one was taken. */
  | { readonly kind: 'chunkTaken'; readonly at: number; readonly bytes: number }
  /** The header section of the text has come, and has one. */
  | { readonly kind: 'messageIdRead'; readonly at: number; readonly messageId: string }
  /** What judges find can't change any more although the text is not complete. */
  | { readonly kind: 'judgedEarly'; readonly at: number; readonly findings: Findings }
  | { readonly kind: 'textEnded'; readonly at: number; readonly text: TextEnd }
  /**
   * `timeouts.reply` after the end of a text. The judge, the backend and whoever else was asked are
   * not waited for any more.
   */
  | {
      readonly kind: 'answerTimedOut'
      readonly at: number
      readonly sizeBytes: number
      readonly endedAt: number
    }
  /** A text that was not wanted (`dropText`) has ended. */
  | { readonly kind: 'refusedTextEnded'; readonly at: number }
  /**
   * One of the parcels of `deliver`, as soon as its answer is known; before `delivered`, which
   * tells of all.
   */
  | {
      readonly kind: 'parcelDelivered'
      readonly at: number
      readonly parcel: number
      readonly result: ParcelReply
    }
  | { readonly kind: 'delivered'; readonly at: number; readonly results: readonly ParcelReply[] }
  /** Whether refusals can be reported to the sender (`prepareBounce`). */
  | { readonly kind: 'bouncePrepared'; readonly at: number; readonly prepared: Prepared }
  /** Whether SPF or DKIM vouches for the sender (`vouch`). */
  | { readonly kind: 'vouched'; readonly at: number; readonly vouched: boolean }
  /** What the backend said to the report. */
  | { readonly kind: 'reported'; readonly at: number; readonly reply: Reply }
  | {
      readonly kind: 'secured'
      readonly at: number
      readonly protocol: string
      readonly cipher: string
      readonly certificate?: ClientCertificate
    }
  | { readonly kind: 'securingFailed'; readonly at: number }
  | { readonly kind: 'authReplied'; readonly at: number; readonly reply: Reply }
  /** `slow`: of a text that comes more slowly than it may. */
  | { readonly kind: 'timedOut'; readonly at: number; readonly slow?: true }
  | { readonly kind: 'shutdown'; readonly at: number }
  /**
   * What the ledger knows of the split now; `settled`: nobody else is at a delivery of it any more.
   */
  | {
      readonly kind: 'deliveriesSettled'
      readonly at: number
      readonly settled: boolean
      readonly split?: Split
    }
  /** `identity`: of the text that is being delivered, where it can still be told. */
  | { readonly kind: 'clientLost'; readonly at: number; readonly identity?: MessageIdentity }
  /** Rcptwise itself has ended the connection, whatever was under way. */
  | { readonly kind: 'brokenOff'; readonly at: number }
  /**
   * The client sends nothing more while its text is being delivered; whether it still reads is not
   * known.
   */
  | { readonly kind: 'inputEnded'; readonly at: number; readonly identity: MessageIdentity }
  /**
   * What was said to a client that sends nothing more has reached a socket that somebody has open.
   */
  | { readonly kind: 'heard'; readonly at: number }

export interface TextEnd {
  readonly sizeBytes: number
  readonly endedAt: number
  /** `spool`: it could not be kept. The text was read to its end all the same. */
  readonly fault?: TextFault | 'spool'
  readonly findings: Findings
  readonly fingerprint?: string
  readonly messageId?: string
}

export interface ParcelReply {
  readonly reply: Reply
  /**
   * Recipients with another answer than `reply`: refused when the envelope was shown anew, or each
   * answered on its own (LMTP, PRDR).
   */
  readonly own: ReadonlyMap<number, Reply>
  readonly ms: number
}

export interface ParcelOrder {
  readonly result: ParcelResult
  /** By index in the transaction, with what stands behind `RCPT TO:`. */
  readonly recipients: readonly { readonly index: number; readonly argument: string }[]
  /** What is changed in the text for them. */
  readonly edits: Revision
  /** It goes elsewhere than to those who are named in the envelope. */
  readonly redirected: boolean
}

export type Effect =
  /** What stands behind `MAIL FROM:`; `each`: the client can be given one reply per recipient. */
  | {
      readonly do: 'begin'
      /** Of the transaction. */
      readonly id: string
      readonly mail: string
      readonly each: boolean
      /** The backend need not hear of it before a recipient. */
      readonly withRcpt: boolean
      readonly opener: Opener
    }
  | {
      readonly do: 'offer'
      readonly index: number
      readonly argument: string
      readonly address: string
      readonly key: string
      readonly sender: string
    }
  /** The transaction is over, whatever its end: let go of everything that it holds. */
  | { readonly do: 'abandon' }
  | {
      readonly do: 'receiveText'
      readonly fingerprint: boolean
      readonly streamable: boolean
      readonly judged: JudgedEnvelope
    }
  | {
      readonly do: 'receiveChunk'
      readonly bytes: number
      readonly last: boolean
      readonly first: boolean
      /** Of the first chunk of a text that somebody gets. */
      readonly judged?: JudgedEnvelope
      readonly discard: boolean
      /** `BODY=BINARYMIME`: behind the header section anything may stand in it. */
      readonly binary: boolean
      readonly fingerprint: boolean
    }
  /** The octets up to CRLF.CRLF are a text that nobody gets. */
  | { readonly do: 'dropText' }
  /**
   * `shown`: the recipients whom the backend took at RCPT and still has in its envelope, by index.
   */
  | {
      readonly do: 'deliver'
      readonly parcels: readonly ParcelOrder[]
      readonly mail: string
      readonly shown: readonly number[]
      readonly streaming: boolean
    }
  /**
   * Waits until nobody else is at a delivery to these recipients of this split, which
   * `deliveriesSettled` tells.
   */
  | {
      readonly do: 'awaitDeliveries'
      readonly split: string
      readonly recipients: readonly string[]
    }
  /** The text is kept, and what would have been decided is found out behind the answer. */
  | { readonly do: 'observe'; readonly message: ObservedMessage }
  /** Asks SPF and DKIM about the text, for what `auto` learns and goes by. */
  | { readonly do: 'vouch'; readonly reversePath: string; readonly symbols: readonly string[] }
  | ({ readonly do: 'prepareBounce' } & Omit<BounceRequest, 'client' | 'text'>)
  /** To the backend, in the envelope that `bouncePrepared` was ready with. */
  | { readonly do: 'report'; readonly refusals: readonly Refusal[] }
  | { readonly do: 'save'; readonly split: Split }
  | { readonly do: 'secure' }
  /**
   * One line of an exchange with the backend, which `authReplied` answers; the first one is AUTH.
   */
  | { readonly do: 'authenticate'; readonly line: string }
  /** Nothing of an authentication is left. */
  | { readonly do: 'endAuth' }
  /** `asked`: the client has said QUIT, and sends nothing more. */
  | { readonly do: 'close'; readonly asked: boolean }
  | { readonly do: 'note'; readonly fact: Fact }
