/**
 * Reverse-paths and forward-paths (RFC 5321 4.1.2), as lenient as the big MTAs are: the backend is
 * the judge of an address, this only makes sure that nothing in it can be taken for something else.
 * Text is one character an octet (octets.ts).
 */
import { startsBlank, trimBlanks } from './blanks.ts'
import { canonicalDomain } from './domain.ts'
import { textOf } from './octets.ts'

/**
 * A mailbox as the client wrote it, without brackets and source route. The null reverse-path is the
 * empty string.
 */
export interface Path {
  /** For the wire: octets as given. */
  readonly mailbox: string
  /** Key for ledger and policy: the local part as Unicode, the domain in its canonical spelling. */
  readonly address: string
  /**
   * In its canonical spelling (domain.ts), which is ASCII; an address literal in lower case; empty
   * for the null path and a local part alone.
   */
  readonly domain: string
  /**
   * The domain has octets beyond ASCII: needs SMTPUTF8 (RFC 6531). Of a local part the server
   * behind decides, as Postfix takes it without.
   */
  readonly international: boolean
}

export const nullPath: Path = { mailbox: '', address: '', domain: '', international: false }

export interface PathAndRest {
  readonly path: Path
  /** What follows the path: the parameters. */
  readonly rest: string
}

// Source routes are accepted and ignored (RFC 5321 4.1.2, appendix C), so that nothing asks where
// one hop ends and the next begins: a pattern that does can read a route of thirty hops in a
// thousand million ways.
const sourceRoute = /^@[^:<>"]+:/
// A quoted local part may hold blanks and @, so the end of the path is looked for outside of
// quotes.
const bracketed = /^<((?:[^<>"\\ \t]|"(?:[^"\\\t]|\\[^\t])*")*)>/
const bare = /^[^<>" \t]+/
/** Without a domain: only as a sender, `root` of a host whose programs leave it out. */
const atom = /^[^ ()<>[\]:;@\\,"]+$/
const localPart = /^(?:[^ ()<>[\]:;@\\,"]+|"(?:[^"\\]|\\[\x20-\xff])*")$/
const domainName = /^[A-Za-z0-9_\x80-\xff](?:[A-Za-z0-9_.\x80-\xff-]*[A-Za-z0-9_\x80-\xff])?\.?$/
const addressLiteral = /^\[[A-Za-z0-9:.-]+\]$/

const beyondAscii = /[\x80-\xff]/

const control = /[\x00-\x08\x0a-\x1f\x7f]/

/** Most paths: nothing in them has to be looked at twice, or written otherwise. */
const usual =
  /^<[!#-'*+\x2d-9=?A-Z^-~]+@[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?>(?:[ \t][\t\x20-\x7e]*)?$/
/** A-labels have more than one spelling (domain.ts). */
const aLabel = 'xn--'

/** Reads the path behind `MAIL FROM:` or `RCPT TO:`; undefined when it is none. Never throws. */
export const parsePath = (text: string): PathAndRest | undefined =>
  usual.test(text) && !text.includes(aLabel) ? usualPath(text) : parseAnyPath(text)

function usualPath(text: string): PathAndRest {
  const end = text.indexOf('>')
  const mailbox = text.slice(1, end)
  const domain = mailbox.slice(mailbox.indexOf('@') + 1)
  const path = { mailbox, address: mailbox, domain, international: false }
  return { path, rest: trimBlanks(text.slice(end + 1)) }
}

/** What `parsePath` does, whatever the path looks like; it is much quicker with usual ones. */
export function parseAnyPath(text: string): PathAndRest | undefined {
  if (control.test(text)) return undefined
  const start = trimBlanks(text)
  const match = bracketed.exec(start) ?? bare.exec(start)
  if (match === null) return undefined
  const rest = start.slice(match[0].length)
  if (rest !== '' && !startsBlank(rest)) return undefined
  const inside = match[1] ?? match[0]
  const path = parseMailbox(inside.startsWith('@') ? inside.replace(sourceRoute, '') : inside)
  return path === undefined ? undefined : { path, rest: trimBlanks(rest) }
}

function parseMailbox(mailbox: string): Path | undefined {
  if (mailbox === '') return nullPath
  const at = mailbox.lastIndexOf('@')
  if (at === -1) return parseLocal(mailbox)
  const local = mailbox.slice(0, at)
  const domain = mailbox.slice(at + 1)
  if (at < 1 || !localPart.test(local)) return undefined
  if (!domainName.test(domain) && !addressLiteral.test(domain)) return undefined
  // Octets that are no UTF-8 are refused: two mailboxes would become one address.
  const [localText, domainText] = [textOf(local), textOf(domain)]
  if (localText === undefined || domainText === undefined) return undefined
  const canonical = domainText.startsWith('[')
    ? domainText.toLowerCase()
    : canonicalDomain(domainText)
  if (canonical === undefined) return undefined
  return {
    mailbox,
    address: `${localText}@${canonical}`,
    domain: canonical,
    international: beyondAscii.test(domain),
  }
}

function parseLocal(mailbox: string): Path | undefined {
  if (mailbox.toLowerCase() === 'postmaster')
    return { mailbox, address: 'postmaster', domain: '', international: false } // RFC 5321 4.5.1
  const address = atom.test(mailbox) ? textOf(mailbox) : undefined
  return address === undefined ? undefined : { mailbox, address, domain: '', international: false }
}

/**
 * The key under which the ledger knows an address: the local part as it was written, the domain in
 * its one form. Two spellings that a server may keep apart are never one (rule 10).
 */
export const ledgerKey = (path: Path): string => path.address
