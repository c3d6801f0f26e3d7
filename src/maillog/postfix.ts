/** What Postfix's programs write of a message (postfix-logwatch knows them too). Pure. */
import { between, wholeNumber } from './cut-out.ts'
import { type Client, type Seen, unreadable } from './sighting.ts'

/** Long queue ids have more (`enable_long_queue_ids`). */
const longestId = 40

/**
 * `program`: as in `postfix/smtpd`, without what is in front of the last slash. `text`: what stands
 * behind the colon.
 */
export function readPostfix(program: string, text: string): Seen {
  const colon = text.indexOf(': ')
  const id = colon > 0 && colon <= longestId ? text.slice(0, colon) : ''
  if (id === 'NOQUEUE') return program === 'smtpd' ? putOff(text) : undefined
  if (!isQueueId(id)) return undefined
  const said = text.slice(colon + 2)
  switch (program) {
    case 'smtpd':
      return clientOf(id, said)
    case 'cleanup':
      return cleanedUp(id, said)
    case 'qmgr':
      return queued(id, said)
    default:
      return delivered(id, said)
  }
}

/** Letters and digits alone. */
function isQueueId(text: string): boolean {
  if (text.length < 5) return false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 48 || (code > 57 && code < 65) || (code > 90 && code < 97) || code > 122)
      return false
  }
  return true
}

/** `client=host.example[192.0.2.1], sasl_method=PLAIN, sasl_username=x`. */
function clientOf(id: string, said: string): Seen {
  if (!said.startsWith('client=')) return notTaken(id, said)
  const end = said.indexOf(', ')
  const client = hostIn(said.slice(7, end < 0 ? said.length : end))
  if (client === undefined) return unreadable
  // A filter hands it back: it has come before.
  const own = end >= 0 && (said.includes('sasl_username=') || said.includes('orig_client='))
  return { kind: 'client', id, client: { ...client, ...(own && { own }) } }
}

/** `host.example[192.0.2.1]`, with `:port` where the site has it so; `unknown` is no name. */
function hostIn(text: string): Client | undefined {
  const open = text.lastIndexOf('[')
  const close = text.indexOf(']', open)
  if (open < 0 || close < 0) return undefined
  const written = text.slice(open + 1, close)
  const address = written.startsWith('IPv6:') ? written.slice(5) : written
  const name = text.slice(0, open)
  if (address === '' || address === 'unknown') return undefined
  return { address, ...(name !== '' && name !== 'unknown' && { rdns: name }) }
}

/** `message-id=<…>`, or that the text was refused. */
function cleanedUp(id: string, said: string): Seen {
  if (!said.startsWith('message-id=')) return notTaken(id, said)
  const messageId = said.charAt(11) === '<' ? between(said, '<', '>') : said.slice(11)
  return messageId === undefined || messageId === ''
    ? undefined
    : { kind: 'message id', id, messageId }
}

/** `milter-reject: END-OF-MESSAGE from host[ip]: 5.7.1 …; from=<> to=<> proto=… helo=<>`. */
function notTaken(id: string, said: string): Seen {
  const isMilter = said.startsWith('milter-reject: END-OF-MESSAGE from ')
  const isCheck = said.startsWith('reject: header ') || said.startsWith('reject: body ')
  if (!isMilter && !isCheck) return undefined
  // The sender's text stands in front in the lines of header_checks, so the end is looked at.
  const from = said.lastIndexOf('; from=<')
  const sender = from < 0 ? undefined : between(said, '; from=<', '>', from)
  if (sender === undefined) return unreadable
  const recipient = between(said, ' to=<', '>', from)
  const client = isMilter ? hostIn(said.slice(35, endOfHost(said))) : undefined
  const code = isMilter ? said.charAt(endOfHost(said) + 2) : '5'
  return {
    kind: 'not taken',
    id,
    answer: code === '4' ? 'deferred' : 'refused',
    sender,
    ...(client !== undefined && { client }),
    ...(recipient !== undefined && { recipient }),
  }
}

const endOfHost = (said: string): number => {
  const end = said.indexOf(']: ')
  return end < 0 ? said.length : end + 1
}

/** `from=<s@x>, size=493, nrcpt=6 (queue active)`, or `removed`. */
function queued(id: string, said: string): Seen {
  if (said === 'removed') return { kind: 'done', id }
  if (!said.startsWith('from=<')) return undefined
  const end = said.indexOf('>, ')
  // `status=expired, returned to sender` begins so too, and tells no size.
  if (end < 0) return unreadable
  const sizeBytes = wholeNumber(between(said, 'size=', ',', end))
  if (sizeBytes === undefined) return said.includes('status=') ? undefined : unreadable
  const count = wholeNumber(between(said, 'nrcpt=', ' ', end))
  return {
    kind: 'envelope',
    id,
    sender: said.slice(6, end),
    sizeBytes,
    ...(count !== undefined && { count }),
  }
}

/** `to=<a@x>, orig_to=<b@x>, relay=…, status=sent (…)`: of the agents that deliver. */
function delivered(id: string, said: string): Seen {
  if (!said.startsWith('to=<')) return undefined
  const end = said.indexOf('>, ')
  if (end < 0 || !said.includes(', status=', end)) return unreadable
  const given = said.startsWith('orig_to=<', end + 3)
    ? between(said, 'orig_to=<', '>', end)
    : undefined
  return { kind: 'recipient', id, address: given ?? said.slice(4, end) }
}

/** `NOQUEUE: reject: RCPT from host[ip]: 450 4.2.0 <a@x>: …; from=<> to=<> …`. */
function putOff(text: string): Seen {
  if (!text.startsWith('NOQUEUE: reject: RCPT from ')) return undefined
  const end = endOfHost(text)
  if (text.charAt(end + 2) !== '4') return undefined
  const client = hostIn(text.slice(27, end))
  const from = text.lastIndexOf('; from=<')
  const sender = from < 0 ? undefined : between(text, '; from=<', '>', from)
  const recipient = from < 0 ? undefined : between(text, ' to=<', '>', from)
  if (client === undefined || sender === undefined || recipient === undefined) return unreadable
  return { kind: 'put off', client, sender, recipient }
}
