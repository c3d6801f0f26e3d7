/**
 * Which refusals of a server are about the message, and which about us or its setup. The former are
 * the client's to hear; the latter would bounce everyone's mail for a mistake that somebody mends
 * tomorrow: the client hears 451 in their place, and the operator is told. The table in words:
 * docs/refusals.md. Pure.
 */
import { isPermanent, type Reply } from '../../smtp/reply.ts'

export type RefusedStep = 'auth' | 'mail' | 'rcpt' | 'data' | 'text'

/**
 * Whether the client has a login of its own at the server: then it is the client's to be told that
 * one is needed, or is not enough.
 */
export type Login = 'none' | 'possible' | 'done'

export interface Circumstances {
  readonly step: RefusedStep
  /** The command carried parameters of the client's. */
  readonly parameters: boolean
  readonly login: Login
  /** STARTTLS is offered, and we are in clear. */
  readonly clear: boolean
  /**
   * How the server sees us; absent where it is told the client, whom its words about an address or
   * a name are about then.
   */
  readonly seen?: { readonly address: string; readonly helo: string }
}

/**
 * `setup`: us, or how the server is set up. `message`: who it is from, whom it is for, what is in
 * it. `arguments`: a command's form, ours unless the client's parameters are in it. `login`: TLS or
 * a login is wanting. `address`: the host that the server sees.
 */
type Subject = 'setup' | 'message' | 'arguments' | 'login' | 'address'

/** RFC 5321 4.2.2, RFC 4954 6, RFC 5248, RFC 7504; a code that is not here is about the message. */
const byCode: Readonly<Record<number, Subject>> = {
  500: 'setup', // not recognized
  501: 'arguments',
  502: 'setup', // not implemented
  503: 'setup', // bad sequence: the server and we are out of step
  504: 'arguments',
  521: 'setup', // takes no mail at all (RFC 7504)
  523: 'login', // encryption needed (RFC 5248)
  524: 'login',
  525: 'login', // account disabled
  530: 'login', // RFC 3207: STARTTLS first; RFC 4954: AUTH first
  534: 'login',
  535: 'login',
  538: 'login',
  555: 'arguments',
}

/**
 * Enhanced status codes (RFC 3463, the registry of RFC 5248) that say more than the code, whatever
 * that is.
 */
const byStatus: Readonly<Record<string, Subject>> = {
  '5.3.2': 'setup', // accepts no messages
  '5.3.5': 'setup', // incorrectly configured
  '5.4.3': 'setup', // its directory fails
  '5.5.5': 'setup', // wrong protocol version
  '5.7.8': 'login',
  '5.7.9': 'login',
  '5.7.10': 'login',
  '5.7.11': 'login',
  '5.7.12': 'login',
  '5.7.13': 'login',
  '5.7.23': 'address', // SPF
  '5.7.24': 'address',
  '5.7.25': 'address', // reverse DNS
}

const statusPattern = /^5\.([0-9]{1,3})\.[0-9]{1,3}(?= |$)/

/** A refusal that says something about us or the setup, and nothing that the client could mend. */
export function isAboutUs(reply: Reply, circumstances: Circumstances): boolean {
  if (!isPermanent(reply)) return false
  const { login, clear, parameters, seen, step } = circumstances
  switch (subjectOf(reply, step)) {
    case 'setup':
      return true
    case 'message':
      return seen !== undefined && isPolicy(reply) && names(reply, seen)
    case 'arguments':
      return !parameters
    case 'login':
      return clear || login === 'none'
    case 'address':
      return seen !== undefined
  }
}

function subjectOf(reply: Reply, step: RefusedStep): Subject {
  const [status = '', area = ''] = statusOf(reply)
  const { code } = reply
  if (step === 'auth') return authSubject(code)
  // Addressing, mailbox, content: whatever the code (RFC 3463 3.2, 3.3, 3.7).
  if (area === '1' || area === '2' || area === '6') return 'message'
  const special = byStatus[status]
  if (special !== undefined) return special
  // No valid recipients, though it took some: out of step.
  if (step === 'data' && (status === '5.5.1' || code === 501)) return 'setup'
  const subject = byCode[code] ?? 'message'
  if (subject === 'login') return subject
  // A policy (RFC 3463 3.8) in an odd code; who is not welcome is said with 521 by some.
  if (area === '7') return 'message'
  if (status === '') return withoutStatus(code, step, subject)
  // Postfix: need fully-qualified address.
  return code === 504 && status === '5.5.2' ? 'message' : subject
}

/**
 * Exim has no enhanced codes by default: 501 is an address that it can't read. RFC 5321 4.5.3.1.9:
 * 500 is a text's line that is too long.
 */
function withoutStatus(code: number, step: RefusedStep, subject: Subject): Subject {
  if (code === 501) return 'message'
  return code === 500 && step === 'text' ? 'message' : subject
}

/**
 * RFC 4954 4: what is wrong with a login is the client's to hear; what the server can't do although
 * it offered it is not.
 */
function authSubject(code: number): Subject {
  switch (code) {
    case 500:
    case 502:
    case 503:
    case 504:
    case 523:
    case 524:
    case 530:
    case 538:
      return 'setup'
    default:
      return 'message'
  }
}

const statusOf = (reply: Reply): readonly string[] => statusPattern.exec(reply.lines[0]) ?? []

/** Says nothing of addresses, mailboxes or content: then it may be about who we are. */
function isPolicy(reply: Reply): boolean {
  const [status, area] = statusOf(reply)
  return status === undefined || area === '7' || area === '0' || area === '5'
}

/**
 * `Client host [10.0.0.1] blocked`, `<mx.example.org>: Helo command rejected`. In a mail address
 * our name would be the client's word.
 */
function names(reply: Reply, { address, helo }: NonNullable<Circumstances['seen']>): boolean {
  const text = reply.lines.join('\n')
  return (address !== '' && holdsAddress(text, address)) || text.includes(`<${helo}>`)
}

const part = /[0-9A-Za-z.:]/
const goesOn = /^[0-9A-Za-z]|^[.:][0-9A-Fa-f]/

function holdsAddress(text: string, address: string): boolean {
  for (let at = text.indexOf(address); at !== -1; at = text.indexOf(address, at + 1)) {
    const before = text.slice(Math.max(0, at - 2), at)
    const whole =
      !part.test(before.slice(-1)) &&
      !goesOn.test(text.slice(at + address.length, at + address.length + 2))
    if (whole && !before.includes('@')) return true
  }
  return false
}
