/** The text of a message as those see it who read it: judges, SPF and DKIM, reports, deliveries. */

export interface TextSource {
  /** The whole text, when it is complete and in memory; undefined otherwise. */
  whole(): readonly Buffer[] | undefined
  /**
   * The text from its first octet, waiting for what has not come yet. Throws when the text will
   * never be complete.
   */
  chunks(): AsyncIterable<Buffer>
}
