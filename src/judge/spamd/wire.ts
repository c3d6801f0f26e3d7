/**
 * spamd's protocol 1.5 (SpamAssassin): what is asked, and what the answer says. Pure. spamd
 * compares the names of headers exactly: `Content-length` has a small l.
 */
import { printable } from '../../smtp/octets.ts'

export const mostSymbols = 100
/** Octets of a name, and of an error's words, that are told on. */
const longestName = 200

export interface SpamdAnswer {
  readonly score: number
  readonly symbols: readonly string[]
}

const sayable = /^[!-~]{1,200}$/

/** A user that can't be said is left out: spamd then takes its default. */
export const request = (size: number, user?: string): string =>
  [
    'SYMBOLS SPAMC/1.5',
    `Content-length: ${size}`,
    ...(user !== undefined && sayable.test(user) ? [`User: ${user}`] : []),
    '',
    '',
  ].join('\r\n')

const status = /^SPAMD\/\d{1,3}\.\d{1,3} (\d{1,5}) ([^\r\n]*)/
const score = /^Spam: (?:True|False) ; (-?\d{1,9}(?:\.\d{1,9})?) \/ /
const length = /^Content-length: (\d{1,9})$/

export function readAnswer(answer: Buffer): SpamdAnswer | { readonly failed: string } {
  const text = answer.toString('latin1')
  const [, code, words = ''] = status.exec(text) ?? []
  if (code === undefined) return { failed: 'it answers, but not as spamd does' }
  if (code !== '0') return { failed: `it says: ${code} ${told(words)}` }
  const end = text.indexOf('\r\n\r\n')
  const headers = text.slice(0, Math.max(end, 0)).split('\r\n')
  const found = valueOf(headers, score)
  if (found === undefined) return { failed: 'its answer has no score' }
  const body = text.slice(end + 4)
  if (body.length < Number(valueOf(headers, length) ?? 0))
    return { failed: 'its answer is cut off' }
  const symbols = body
    .split(/[,\r\n]/)
    .filter((name) => name !== '')
    .slice(0, mostSymbols)
  return { score: Number(found), symbols: symbols.map(told) }
}

/** Whether this answers PING as spamd does. */
export const isPong = (answer: Buffer): boolean =>
  /^SPAMD\/\d{1,3}\.\d{1,3} 0 PONG\r\n/.test(answer.toString('latin1', 0, 100))

const valueOf = (headers: readonly string[], form: RegExp): string | undefined =>
  headers.map((line) => form.exec(line)?.[1]).find((value) => value !== undefined)

const told = (octets: string): string => printable(octets).slice(0, longestName)
