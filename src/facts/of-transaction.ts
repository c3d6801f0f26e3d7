/** What the facts of one transaction have in common. */

/**
 * What happened in one transaction, or because of it, says in which: one id from MAIL on, which is
 * SESSION.N as in the Received field.
 */
export interface OfTransaction {
  readonly transaction: string
}
