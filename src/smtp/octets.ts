/**
 * The one place where strings become octets and octets become strings (decision 22). What came from
 * the wire or goes there is held as a string of one character an octet (latin1): command lines,
 * mailboxes, HELO names, the lines of a reply, header fields. What is for people (facts, log,
 * reports, the admin interface) is Unicode. A Unicode string that was written as octets by mistake
 * would lose all but the low byte of each character, and U+4E0D U+4E0A would be CR LF: here it
 * can't.
 */

const beyondOctets = /[^\x00-\xff]/g
const beyondAscii = /[^\x00-\x7f]/

/**
 * Writes one character an octet; a character that is no octet can't be written, and becomes `?`.
 */
export const toOctets = (text: string): Buffer => Buffer.from(octetsAlone(text), 'latin1')

/** What a stream is to write: as `toOctets`, without a Buffer in between. */
export function writeOctets(
  to: { write(text: string, encoding: 'latin1'): boolean },
  text: string,
): boolean {
  return to.write(octetsAlone(text), 'latin1')
}

/** A character that is no octet becomes `?`. */
export const octetsAlone = (text: string): string =>
  beyondAscii.test(text) ? text.replace(beyondOctets, '?') : text

/** Unicode text as a string of octets (UTF-8). */
export const octetsOf = (text: string): string =>
  beyondAscii.test(text) ? Buffer.from(text).toString('latin1') : text

/** Octets as Unicode text; undefined when they are no UTF-8 (RFC 6532 3.1). */
export function textOf(octets: string): string | undefined {
  if (!beyondAscii.test(octets)) return octets
  const bytes = toOctets(octets)
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : undefined
}

/** Octets as people read them: UTF-8, and what is none as it was meant before UTF-8 (Latin-1). */
export const readable = (octets: string): string => textOf(octets) ?? octets

const plain = /^[\t\x20-\x7e]*$/
/**
 * Control characters, and the separators that end a line for some readers (U+0085, U+2028, U+2029).
 */
const unprintable = /[\0-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]/g

/**
 * What may stand in a line that someone else reads: a reply's, a header field's. What is not
 * printable, would end the line or is no octet becomes `?`. Octets beyond ASCII stay, as UTF-8 or
 * as whatever they are.
 */
export function printable(octets: string): string {
  if (plain.test(octets)) return octets
  const alone = octetsAlone(octets)
  const text = textOf(alone)
  return text === undefined
    ? alone.replace(unprintable, '?')
    : octetsOf(text.replace(unprintable, '?'))
}

const command = /^[\x20-\x7e\x80-\xff]+$/

/**
 * May this be sent as one command? It can't be mended as `printable` mends a line: with another
 * octet an address would be another mailbox, so such a command is not sent at all.
 */
export const isCommandLine = (line: string): boolean => command.test(line)
