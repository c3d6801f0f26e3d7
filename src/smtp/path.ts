/**
 * Reverse-paths and forward-paths (RFC 5321 4.1.2), as lenient as the big MTAs are: the backend is the judge of an address,
 * this only makes sure that nothing in it can be taken for something else. Text is one character an octet (latin1).
 */

/** A mailbox as the client wrote it, without brackets and source route. The null reverse-path is the empty string. */
export interface Path {
  /** For the wire: octets as given. */
  readonly mailbox: string
  /** Key for ledger and policy: as Unicode, domain in lower case without a final dot. */
  readonly address: string
  /** Domain in lower case; empty for the null path and for `postmaster` alone. */
  readonly domain: string
  /** Octets beyond ASCII: needs SMTPUTF8 (RFC 6531). */
  readonly international: boolean
}

export const nullPath: Path = { mailbox: '', address: '', domain: '', international: false }

export interface PathAndRest {
  readonly path: Path
  /** What follows the path: the parameters. */
  readonly rest: string
}

// Source routes are accepted and ignored (RFC 5321 4.1.2, appendix C), so that nothing asks where one hop ends and the next begins:
// a pattern that does can read a route of thirty hops in a thousand million ways.
const sourceRoute = /^@[^:<>"]+:/
// A quoted local part may hold blanks and @, so the end of the path is looked for outside of quotes.
const bracketed = /^<((?:[^<>"\\ ]|"(?:[^"\\]|\\.)*")*)>/
const bare = /^[^<>" ]+(?= |$)/
const localPart = /^(?:[^\s()<>[\]:;@\\,"]+|"(?:[^"\\]|\\[\x20-\xff])*")$/
const domainName = /^[A-Za-z0-9_\x80-\xff](?:[A-Za-z0-9_.\x80-\xff-]*[A-Za-z0-9_\x80-\xff])?\.?$/
const addressLiteral = /^\[[A-Za-z0-9:.-]+\]$/

const beyondAscii = /[\x80-\xff]/

const control = /[\x00-\x1f\x7f]/

/** Reads the path behind `MAIL FROM:` or `RCPT TO:`; undefined when it is none. Never throws. */
export function parsePath(text: string): PathAndRest | undefined {
  if (control.test(text)) return undefined
  const start = text.replace(/^ +/, '')
  const match = bracketed.exec(start) ?? bare.exec(start)
  if (match === null) return undefined
  const rest = start.slice(match[0].length)
  if (rest !== '' && !rest.startsWith(' ')) return undefined
  const path = parseMailbox((match[1] ?? match[0]).replace(sourceRoute, ''))
  return path === undefined ? undefined : { path, rest: rest.trim() }
}

function parseMailbox(mailbox: string): Path | undefined {
  if (mailbox === '') return nullPath
  const international = beyondAscii.test(mailbox)
  if (mailbox.toLowerCase() === 'postmaster') return { mailbox, address: 'postmaster', domain: '', international } // RFC 5321 4.5.1
  const at = mailbox.lastIndexOf('@')
  const local = mailbox.slice(0, at)
  const domain = mailbox.slice(at + 1)
  if (at < 1 || !localPart.test(local)) return undefined
  if (!domainName.test(domain) && !addressLiteral.test(domain)) return undefined
  const [localText, domainText] = international ? [toUnicode(local), toUnicode(domain)] : [local, domain]
  if (localText === undefined || domainText === undefined) return undefined
  const lower = domainText.toLowerCase().replace(/\.$/, '')
  return { mailbox, address: `${localText}@${lower}`, domain: lower, international }
}

/** Undefined for octets that are no UTF-8 (RFC 6532 3.1): two mailboxes would become one address. */
function toUnicode(text: string): string | undefined {
  const octets = Buffer.from(text, 'latin1')
  const unicode = octets.toString('utf8')
  return Buffer.from(unicode).equals(octets) ? unicode : undefined
}

/** The key under which the ledger knows an address: senders don't keep the case of a local part between attempts. */
export const ledgerKey = (path: Path): string => path.address.toLowerCase()
