/** What filters write in their JSON, and what may become of it. Pure. */
import { octetsOf, printable } from '../smtp/octets.ts'

/** Octets of the words for a sender. */
export const longestWords = 400

/** For a sender or the log: octets, on one line. */
export const words = (text: string): string =>
  printable(octetsOf(text.replaceAll(/[\r\n]+/g, ' '))).slice(0, longestWords)

/** Filters fold with LF or CRLF; each fold begins with a blank, or is made one. */
export function fieldValue(text: string): string {
  const lines = octetsOf(text)
    .split(/\r?\n/)
    .map((line, i) => (i === 0 || /^[ \t]/.test(line) ? line : `\t${line}`))
    .filter((line, i) => i === 0 || line.trim() !== '')
  return ` ${lines.join('\r\n')}`
}
