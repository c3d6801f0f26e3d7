/**
 * What a judge found in one message text. A score is the sum of its symbols, as SpamAssassin and
 * rspamd count.
 */
export type Judgement =
  | { readonly kind: 'scored'; readonly score: number; readonly symbols: readonly string[] }
  /** Nothing in the text says anything about it: every policy accepts. */
  | { readonly kind: 'silent' }
  /** The judge's own trouble; `judge.on_failure` decides. */
  | { readonly kind: 'failed'; readonly why: string }

/** One text being judged while it streams by. */
export interface Judging {
  /**
   * The next bytes of the text, as the message has them (not dot-stuffed). The buffer is not kept.
   */
  push(chunk: Buffer): void
  /**
   * The judgement, once no further byte can change it; lets the rest of a large text stream on
   * undelayed.
   */
  settled(): Judgement | undefined
  /** The text is complete. Never rejects, and ends within the judge's own time limit. */
  end(): Judgement | Promise<Judgement>
  /** The client went away: end what was begun. */
  abandon(): void
}

/** Facts about the message that a judge may use; what a scanner is told about the client. */
export interface JudgedEnvelope {
  readonly clientAddress: string
  readonly helo: string
  readonly reversePath: string
  readonly recipients: readonly string[]
}

export interface Judge {
  readonly name: string
  begin(envelope: JudgedEnvelope): Judging
  close(): Promise<void>
}
