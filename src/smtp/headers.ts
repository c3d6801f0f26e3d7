/**
 * Header fields that are put in front of a message: the trace of RFC 5321 4.4, and what a tagged
 * copy carries.
 */

export interface Trace {
  readonly helo: string
  readonly address: string
  readonly hostname: string
  /** ESMTP, ESMTPS, SMTP, UTF8SMTP … (RFC 3848). */
  readonly protocol: string
  readonly id: string
  /** RFC 5322 3.3 form. */
  readonly date: string
}

import { printable } from './octets.ts'

/**
 * Only what may stand in a trace field: everything else becomes `?`, so that a client can't write
 * header lines of its own.
 */
const safe = (text: string): string =>
  (unsafe.test(text) ? text.replace(eachUnsafe, '?') : text).slice(0, 255)

const unsafe = /[^\x21-\x27\x2a-\x5b\x5d-\x7e]/
const eachUnsafe = /[^\x21-\x27\x2a-\x5b\x5d-\x7e]/g

/** `value`: what stands behind the colon, one character an octet. */
export interface WrittenField {
  readonly name: string
  readonly value: string
}

export function receivedField(trace: Trace): WrittenField {
  const literal = trace.address.includes(':') ? `IPv6:${trace.address}` : trace.address
  return {
    name: 'Received',
    value: ` from ${safe(trace.helo)} ([${safe(literal)}])\r\n\tby ${safe(trace.hostname)} (Rcptwise) with ${safe(trace.protocol)} id ${safe(trace.id)};\r\n\t${printable(trace.date)}`,
  }
}

/** RFC 5322 3.3, in UTC. `at` in ms since the epoch. Messages of one second share the work. */
export const headerDate = ((): ((at: number) => string) => {
  let [second, text] = [Number.NaN, '']
  return (at) => {
    const now = Math.floor(at / 1000)
    if (now !== second) [second, text] = [now, new Date(at).toUTCString().replace('GMT', '+0000')]
    return text
  }
})()

/** A line of a header section has 998 octets at most (RFC 5322 2.1.1). */
const longestValue = 900

export interface Tag {
  readonly verdict: 'tag' | 'quarantine'
  readonly score: number
  /** Whom a quarantined copy was for, each as it came; empty otherwise. */
  readonly recipients: readonly string[]
}

export function tagFields(tag: Tag): readonly WrittenField[] {
  const score = String(Math.round(tag.score * 1000) / 1000)
  return [
    { name: 'X-Spam-Flag', value: ' YES' },
    { name: 'X-Spam-Score', value: ` ${score}` },
    { name: 'X-Rcptwise-Verdict', value: ` ${tag.verdict}` },
    ...tag.recipients.map((recipient) => ({
      name: 'X-Rcptwise-Recipient',
      value: ` ${printable(recipient).slice(0, longestValue)}`,
    })),
  ]
}
