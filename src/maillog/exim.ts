/** Exim's main log (specification, chapter 52). Pure. */
import { between, scoreOf, wholeNumber, wordAt } from './cut-out.ts'
import { type Client, type Score, type Seen, unreadable } from './sighting.ts'

/** Ids of Exim up to 4.96 have 16 characters, later ones 23. */
const idLengths = [16, 23]

/** `text`: what stands behind the time. */
export function readExim(text: string): Seen {
  const id = idIn(text)
  if (id === undefined) return text.startsWith('H=') ? putOff(text) : undefined
  const said = text.slice(id.length + 1)
  if (said === 'Completed') return { kind: 'done', id }
  switch (wordAt(said, 0)) {
    case '<=':
      return received(id, said)
    case '=>':
    case '->':
    case '**':
    case '==':
    case '>>':
      return delivered(id, said.slice(3))
    default:
      return said.includes(' rejected after DATA') ? notTaken(id, said) : warned(id, said)
  }
}

/** Whether this is a line of Exim's: something behind an id, or one of its own words. */
function idIn(text: string): string | undefined {
  const length = idLengths.find((one) => text.charAt(one) === ' ')
  if (length === undefined || text.charAt(6) !== '-') return undefined
  const id = text.slice(0, length)
  return id.includes(' ') ? undefined : id
}

/**
 * `<= s@x H=host (helo) [192.0.2.1] P=esmtps S=473 id=m@x for a@x b@x`; `+subject` writes what a
 * stranger chose, and stands between.
 */
function received(id: string, said: string): Seen {
  const sender = wordAt(said, 3)
  const sizeBytes = wholeNumber(fieldOf(said, 'S'))
  if (sender === '' || sizeBytes === undefined) return unreadable
  const messageId = fieldOf(said, 'id')
  const client = clientIn(said)
  const own = client !== undefined && fieldOf(said, 'A') !== undefined
  const list = said.lastIndexOf(' for ')
  const recipients =
    list < 0
      ? []
      : said
          .slice(list + 5)
          .split(' ')
          .filter(isAddress)
  return {
    kind: 'envelope',
    id,
    sender: sender === '<>' ? '' : sender,
    sizeBytes,
    ...(messageId !== undefined && { messageId }),
    ...(client !== undefined && { client: { ...client, ...(own && { own }) } }),
    ...(recipients.length > 0 && { recipients, count: recipients.length }),
  }
}

const isAddress = (word: string): boolean => word.includes('@')

/** What stands behind ` X=`, before anything in quotes. */
function fieldOf(said: string, name: string): string | undefined {
  const quote = said.indexOf(' T="')
  const at = said.indexOf(` ${name}=`)
  return at < 0 || (quote >= 0 && at > quote) ? undefined : wordAt(said, at + name.length + 2)
}

/** `H=host.example (helo) [192.0.2.1]:25`; a name in parentheses alone is nobody's but its own. */
function clientIn(said: string): Client | undefined {
  const at = said.startsWith('H=') ? 0 : said.indexOf(' H=') + 1
  if (at === 0 && !said.startsWith('H=')) return undefined
  const open = said.indexOf('[', at)
  // A HELO may be an address too: `H=([192.0.2.9]) [192.0.2.1]`.
  const start = said.charAt(open - 1) === '(' ? said.indexOf('[', open + 1) : open
  const end = start < 0 ? -1 : said.indexOf(']', start)
  if (start < 0 || end < 0) return undefined
  const name = wordAt(said, at + 2)
  const helo = between(said.slice(at, start), '(', ')')
  const isName = !name.startsWith('(') && !name.startsWith('[')
  return {
    address: said.slice(start + 1, end),
    ...(isName && { rdns: name }),
    ...(helo !== undefined && { helo }),
  }
}

/** `local <a@x> R=… T=…`, `a@x (parent) <orig@x> R=…`, `a@x R=…`. */
function delivered(id: string, said: string): Seen {
  const end = said.indexOf(' R=')
  const names = end < 0 ? wordAt(said, 0) : said.slice(0, end)
  const open = names.lastIndexOf('<')
  const close = names.indexOf('>', open)
  const address = open < 0 || close < 0 ? wordAt(names, 0) : names.slice(open + 1, close)
  const plain = address.endsWith(':') ? address.slice(0, -1) : address
  return plain.includes('@') ? { kind: 'recipient', id, address: plain } : unreadable
}

/** `H=(helo) [192.0.2.1] F=<s@x> temporarily rejected after DATA: …`. */
function notTaken(id: string, said: string): Seen {
  const sender = between(said, ' F=<', '>')
  const client = clientIn(said)
  if (sender === undefined) return unreadable
  const score = pointsIn(said)
  return {
    kind: 'not taken',
    id,
    answer: said.includes(' temporarily rejected after DATA') ? 'deferred' : 'refused',
    sender,
    ...(client !== undefined && { client }),
    ...(score !== undefined && { score }),
  }
}

/** `H=host (helo) [192.0.2.1] F=<s@x> temporarily rejected RCPT <a@x>: …`. */
function putOff(text: string): Seen {
  const recipient = between(text, ' temporarily rejected RCPT <', '>')
  if (recipient === undefined) return undefined
  const client = clientIn(text)
  const sender = between(text, ' F=<', '>')
  return client === undefined || sender === undefined
    ? unreadable
    : { kind: 'put off', client, sender, recipient }
}

/** The words of Exim's own example (`chapter 45`), for a warning or a refusal. */
function warned(id: string, said: string): Seen {
  const score = pointsIn(said)
  return score === undefined ? undefined : { kind: 'judged', queueId: id, score }
}

/** `scored 12.3 spam points`. */
function pointsIn(said: string): Score | undefined {
  const score = scoreOf(between(said, 'scored ', ' spam points'))
  return score === undefined ? undefined : { scanner: 'spamd', score, symbols: [] }
}
