/**
 * What rspamd is told of a message: the header fields of its HTTP request. Pure. Values are octets,
 * one character each, as addresses and names are held here; rspamd reads them as UTF-8.
 */

export interface Asked {
  readonly clientAddress: string
  /** The client's verified name. */
  readonly clientName?: string
  readonly helo?: string
  /** Empty for reports. */
  readonly reversePath: string
  readonly recipients: readonly string[]
  /** Who has authenticated. */
  readonly user?: string
  readonly tls?: { readonly version: string; readonly cipher: string }
  /** Our own name: what rspamd puts into Authentication-Results. */
  readonly hostname: string
  /** The transaction's id, for rspamd's log. */
  readonly transaction: string
}

export interface Question {
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Fields that HTTP does not allow to be said as they are: rspamd judges without them. */
  readonly leftOut: readonly string[]
}

/** Octets of one value, and of all recipients: rspamd and proxies in front of it read no more. */
export const longestValue = 2000
export const recipientOctets = 32 * 1024

/** RFC 9110 5.5: visible octets, with blanks between them. */
const sayable = /^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/

/**
 * `Pass: all`: without it rspamd stops at its own threshold, and the scores above it would be too
 * low for whoever tolerates more. `File`, `Path` and `Shm` are never sent: rspamd would read a file
 * of its own host.
 */
export function questionOf(asked: Asked): Question {
  const wanted: (readonly [string, string | undefined])[] = [
    ['Pass', 'all'],
    ['From', `<${asked.reversePath}>`],
    ...within(asked.recipients).map((recipient) => ['Rcpt', `<${recipient}>`] as const),
    ['IP', asked.clientAddress],
    ['Hostname', asked.clientName],
    ['Helo', asked.helo],
    ['User', asked.user],
    ['TLS-Version', asked.tls?.version],
    ['TLS-Cipher', asked.tls?.cipher],
    ['MTA-Name', asked.hostname],
    ['Queue-ID', asked.transaction],
  ]
  const given = wanted.filter((field): field is [string, string] => field[1] !== undefined)
  const [fields, not] = [given.filter(isSayable), given.filter((field) => !isSayable(field))]
  return { fields, leftOut: [...new Set(not.map(([name]) => name))] }
}

const isSayable = ([, value]: readonly [string, string]): boolean =>
  value.length <= longestValue && sayable.test(value)

/** The first ones, as many as fit: rules for recipients look at them, the score rarely does. */
function within(recipients: readonly string[]): readonly string[] {
  let octets = 0
  return recipients.filter((recipient) => (octets += recipient.length + 10) <= recipientOctets)
}
