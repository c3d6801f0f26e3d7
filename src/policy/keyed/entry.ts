/** What a store says of a key, whatever the store is. Pure. */

/**
 * By the names of columns, in lower case. What is null or nothing but blanks says nothing, and the
 * next, less special key is asked for it; what is not there at all is no question of this entry.
 */
export type Entry = Readonly<Record<string, unknown>>

/** Of one question; a key may have several, of which the first counts. */
export type Entries = Iterable<readonly [key: string, entry: Entry]>

/** Whose an entry is, where that is a column, too. */
export const keyColumn = 'recipient'

/** In place of a value that is not read. */
export class Unreadable {
  readonly why: string

  constructor(why: string) {
    this.why = why
  }
}

/** Not null, nor nothing but blanks. */
export const says = (value: unknown): boolean => {
  const text = textOf(value)
  return text !== null && text !== undefined && text !== ''
}

/** A column of bytes (VARBINARY, BYTEA, BLOB) holds text. */
export function textOf(value: unknown): unknown {
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value
  return typeof text === 'string' ? text.trim() : text
}
