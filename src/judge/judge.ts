/**
 * A filter as it is used: opened once, asked about many messages, closed by whoever opened it.
 *
 * Obligations of a judge:
 * - Nothing throws or rejects for a filter that is away, slow, or says nonsense: that is a
 *   judgement of the kind `failed`. Its time limit is kept by who asks (chain.ts).
 * - Two messages at a time are two messages: what is found in one says nothing of the other.
 * - Where octets are cut makes no difference, and a text is not kept in memory for its sake.
 * - After `signal` nothing of the message is done any more. Its reason is an `AbortError` where
 *   nobody wants to know any more, and another one where the judge was too slow. `close` ends what
 *   is under way; its messages are judged as `failed`.
 */
import type { TextSource } from '../message/text-source.ts'
import type { Findings, Judgement } from '../verdict/judgement.ts'
import type { Verdict } from '../verdict/verdict.ts'

/** One who gets the text, should it be accepted. */
export interface JudgedRecipient {
  /** In the transaction. */
  readonly index: number
  /** As the client gave it. */
  readonly address: string
  /** Recipients of one group share a policy's thresholds. */
  readonly group: string
  /** Name of the policy; absent where there is none. */
  readonly policy?: string
  /** Gets the text although a judge forces this: the others are asked all the same. */
  readonly despite?: readonly Verdict[]
}

/**
 * What is known of a message when its text begins to come. Addresses and names are octets, one
 * character each: with SMTPUTF8 those of UTF-8.
 */
export interface JudgedEnvelope {
  /** The transaction's, in log and facts. */
  readonly id: string
  readonly client: {
    readonly address: string
    readonly port: number
    /** A host name that leads to the address and back; absent where none was looked up or found. */
    readonly name?: string
    /** The name of its EHLO or HELO. */
    readonly helo: string
  }
  /** Absent without TLS. */
  readonly tls?: { readonly protocol: string; readonly cipher: string }
  readonly authenticated: boolean
  readonly reversePath: string
  /** Of MAIL, in upper case. */
  readonly parameters: ReadonlyMap<string, string | undefined>
  /** Who went through, and who is delivered to all the same; nobody who was refused. */
  readonly recipients: readonly JudgedRecipient[]
  /**
   * Addresses of all whom the message is for, sorted: as its first attempt has named them, also of
   * those who wait or have it already. A filter that greylists by them knows it again.
   */
  readonly firstRecipients: readonly string[]
  /** Our own name. */
  readonly hostname: string
  /** A recipient's policy may ask who the author is. */
  readonly wantsAuthor?: true
  /**
   * Our own address and port that the client has connected to, with a blank between them; absent
   * where it is not known.
   */
  readonly local?: string
}

/**
 * Looks on while the text comes, and waits for nobody. What it finds is known with the last octet,
 * or before that, so that a large text need not wait for its end.
 */
export interface Onlooker {
  readonly way: 'looks on'
  /** The next octets, as the message has them (not dot-stuffed). The buffer is not kept. */
  push(chunk: Buffer): void
  /** The judgement, once no further octet can change it. */
  settled(): Judgement | undefined
  /** There are no more octets. */
  end(): Judgement
}

/** Reads the text itself, at its own pace. */
export interface Reader {
  readonly way: 'reads'
  /**
   * The text may still be coming in; its chunks throw when it will never be complete. May reject
   * only then, or after `signal`.
   */
  judge(text: TextSource, signal: AbortSignal): Promise<Judgement>
}

export type Judging = Onlooker | Reader

export interface Judge {
  readonly name: string
  /** It changes texts: who comes after it in the configuration sees what it has left. */
  readonly edits: boolean
  /** Its score is one that the thresholds of policies can be about. */
  readonly scores: boolean
  message(envelope: JudgedEnvelope): Judging
  /** Why it can't judge at this moment, as far as is known; undefined while it can. */
  trouble(): string | undefined
  /** Talks to it. Undefined when all is well, else what is wrong and where. */
  check(): Promise<string | undefined>
  close(): Promise<void>
}

/** All judges of a configuration, as those see them who have a text to be judged. */
export interface Judges {
  message(message: MessageToJudge): MessageJudging
}

export interface MessageToJudge {
  readonly envelope: JudgedEnvelope
  /** May still be coming in. */
  readonly text: TextSource
  /** What a judge has said, as soon as it has; nothing of one that is not waited for any more. */
  readonly onJudged: (told: JudgeTold) => void
  /** Header fields that only this site may write are not passed on, and no judge sees them. */
  readonly onForeignRemoved: (names: readonly string[]) => void
}

export interface JudgeTold {
  readonly judge: string
  readonly judgement: Judgement
  /** From the end of the text, or of what was made of it for this judge. */
  readonly ms: number
}

/** One text before all judges. */
export interface MessageJudging {
  /** The next octets of the text; who reads by itself has them from the text. */
  push(chunk: Buffer): void
  /** What is found, once no further octet can change it. */
  settled(): Findings | undefined
  /** The text is complete. Never rejects. */
  end(): Findings | Promise<Findings>
  /** Ends what was begun. `why`: who was asked and has not told has failed. */
  abandon(why?: string): void
}
