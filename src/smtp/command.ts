/**
 * Commands as the client sends them, parsed whole before anything is decided. Pure; never throws.
 */
import { firstBlank, trimBlanks } from './blanks.ts'
import { type Parameters, parseParameters } from './parameters.ts'
import { type Path, parsePath } from './path.ts'

export type Command =
  | { readonly verb: 'EHLO' | 'HELO'; readonly domain: string }
  | { readonly verb: 'MAIL'; readonly path: Path; readonly parameters: Parameters }
  | { readonly verb: 'RCPT'; readonly path: Path; readonly parameters: Parameters }
  | { readonly verb: 'DATA' | 'RSET' | 'QUIT' | 'STARTTLS' }
  /** The mechanism in upper case, empty when it can't be read. */
  | { readonly verb: 'AUTH'; readonly mechanism: string; readonly initial?: string }
  | { readonly verb: 'BDAT'; readonly size: number; readonly last: boolean }
  | { readonly verb: 'NOOP' | 'HELP' | 'VRFY' | 'EXPN' | 'XCLIENT'; readonly argument: string }
  /** Commands of other protocols and extensions that are known and not done here. */
  | { readonly verb: 'unimplemented'; readonly name: string }
  /** A verb that is known, with an argument that it can't have. */
  | {
      readonly verb: 'malformed'
      readonly name: string
      readonly problem: 'path' | 'parameters' | 'argument' | 'domain'
    }
  /** HTTP and the like: someone makes a browser or a server talk to us. */
  | { readonly verb: 'foreign'; readonly name: string }
  /** A dot alone: the end of a text that nobody asked for. */
  | { readonly verb: 'dot' }
  | { readonly verb: 'unknown'; readonly name: string }

export type Verb = Command['verb']

const foreignVerbs = new Set([
  'GET',
  'POST',
  'PUT',
  'HEAD',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'PATCH',
  'TRACE',
  'USER-AGENT:',
  'HOST:',
])
const unimplementedVerbs = new Set([
  'ETRN',
  'ATRN',
  'TURN',
  'SEND',
  'SOML',
  'SAML',
  'XFORWARD',
  'BURL',
  'LHLO',
])
/** A name, or several words: what it means only the server behind can say. */
const helloName = /^[\x20-\x7e\x80-\xff]{1,255}$/
const chunk = /^([0-9]{1,15})([ \t]+LAST)?$/i

/** Parses one command line without its CRLF. How lenient it is, and why: docs/leniency.md. */
export function parseCommand(line: string): Command {
  const space = firstBlank(line)
  const name = (space === -1 ? line : line.slice(0, space)).toUpperCase()
  const argument = space === -1 ? '' : trimBlanks(line.slice(space + 1))
  switch (name) {
    case 'EHLO':
    case 'HELO':
      return parseHello(name, argument)
    case 'MAIL':
      return parseEnvelope('MAIL', argument)
    case 'RCPT':
      return parseEnvelope('RCPT', argument)
    case 'DATA':
    case 'RSET':
    case 'STARTTLS':
      return argument === '' ? { verb: name } : { verb: 'malformed', name, problem: 'argument' }
    case 'QUIT':
      return { verb: name } // whatever stands behind it, the client leaves
    case 'BDAT':
      return parseChunk(argument)
    case 'AUTH':
      return parseAuth(argument)
    case 'NOOP':
    case 'HELP':
    case 'VRFY':
    case 'EXPN':
    case 'XCLIENT':
      return { verb: name, argument }
    case '.':
      return line === '.' ? { verb: 'dot' } : { verb: 'unknown', name }
    default:
      if (foreignVerbs.has(name)) return { verb: 'foreign', name }
      if (unimplementedVerbs.has(name)) return { verb: 'unimplemented', name }
      return { verb: 'unknown', name }
  }
}

function parseHello(verb: 'EHLO' | 'HELO', argument: string): Command {
  const domain = argument.replaceAll('\t', ' ')
  return helloName.test(domain)
    ? { verb, domain }
    : { verb: 'malformed', name: verb, problem: 'domain' }
}

const prefixes = { MAIL: /^FROM:/i, RCPT: /^TO:/i }

function parseEnvelope(verb: 'MAIL' | 'RCPT', argument: string): Command {
  if (!prefixes[verb].test(argument)) return { verb: 'malformed', name: verb, problem: 'argument' }
  const parsed = parsePath(argument.slice(argument.indexOf(':') + 1))
  if (parsed === undefined) return { verb: 'malformed', name: verb, problem: 'path' }
  if (verb === 'RCPT' && !isRecipient(parsed.path))
    return { verb: 'malformed', name: verb, problem: 'path' }
  const parameters = parseParameters(parsed.rest)
  if (parameters === undefined) return { verb: 'malformed', name: verb, problem: 'parameters' }
  return { verb, path: parsed.path, parameters }
}

/**
 * A recipient without a domain would be one more name for a mailbox that has another one here, and
 * get a message twice.
 */
const isRecipient = ({ domain, address }: Path): boolean =>
  domain !== '' || address === 'postmaster'

/** RFC 4954 4: a mechanism, and its first response in base64, or `=` for an empty one. */
const authentication = /^([A-Za-z0-9_-]{1,20})(?:[ \t]+([A-Za-z0-9+/]+={0,2}|=))?$/

function parseAuth(argument: string): Command {
  const [, mechanism = '', initial] = authentication.exec(argument) ?? []
  return {
    verb: 'AUTH',
    mechanism: mechanism.toUpperCase(),
    ...(initial === undefined ? {} : { initial }),
  }
}

function parseChunk(argument: string): Command {
  const match = chunk.exec(argument)
  if (match === null) return { verb: 'malformed', name: 'BDAT', problem: 'argument' }
  return { verb: 'BDAT', size: Number(match[1]), last: match[2] !== undefined }
}
