/** The text of a message as those see it who read it: judges, SPF and DKIM, reports, deliveries. */

/**
 * Who takes a text as it comes. It is told in a microtask of its own, never while octets are
 * appended.
 */
export interface TextTaker {
  /** The next octets. False: no more before `goOn`. */
  take(chunk: Buffer): boolean
  /** The last octets were taken. */
  complete(): void
  /** The text will never be complete. */
  brokenOff(): void
}

/** A text that is given to its taker. */
export interface Pour {
  /** More can be taken. */
  goOn(): void
  /** The taker is told nothing more. */
  stop(): void
}

export interface TextSource {
  /** The whole text, when it is complete and in memory; undefined otherwise. */
  whole(): readonly Buffer[] | undefined
  /**
   * The text from its first octet, waiting for what has not come yet. Throws when the text will
   * never be complete.
   */
  chunks(): AsyncIterable<Buffer>
  /** False: no line of it that has come begins with a dot. Absent: nobody knows. */
  readonly dotted?: boolean
  /**
   * The same without a promise a chunk, where that is possible; `chunks` is always
   * (docs/decisions/0143-large-texts.md).
   */
  pour?(taker: TextTaker): Pour | undefined
}
