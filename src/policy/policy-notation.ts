/** How senders, symbols and words are written in a policy, wherever it is written. Pure. */
import { canonicalDomain } from '../smtp/domain.ts'

export const notations = {
  sender: 'user@example.net, @example.net or *',
  symbol: 'a symbol of a judge, such as BAYES_99',
  words: 'one line of at most 400 octets',
} as const

/** Of one list of senders or symbols: each recipient whose answer is kept has its own in memory. */
export const mostEntries = 1000
export const listOf = (each: string): string => `a list of at most ${mostEntries}, each ${each}`

/** Undefined for what is none. */
export function senderPattern(text: string): string | undefined {
  const written = text.trim()
  if (written === '*') return '*'
  const at = written.lastIndexOf('@')
  const domain = canonicalDomain(written.slice(at + 1))
  const local = at === -1 ? '' : written.slice(0, at)
  if (domain === undefined || (at === -1 && !domain.includes('.'))) return undefined
  if (local === '' || local === '*') return `@${domain}`
  return /[\s*@]/.test(local) ? undefined : `${local.toLowerCase()}@${domain}`
}

/** As judges write it. */
export function symbolName(text: string): string | undefined {
  const name = text.trim()
  return /^[A-Za-z0-9_.:-]{1,128}$/.test(name) ? name : undefined
}

/** RFC 5321 4.5.3.1.5: a reply line has room for 512 octets, codes and CRLF included. */
const mostWordOctets = 400
const control = /[\0-\x1f\x7f-\x9f\u2028\u2029]/

export function oneLine(text: string): string | undefined {
  const words = text.trim()
  const fits = words !== '' && Buffer.byteLength(words) <= mostWordOctets
  return fits && !control.test(words) ? words : undefined
}
