/**
 * The part of a header section that tells messages apart and survives a sender's own relays: see
 * fingerprint.ts.
 */
import { readFields } from '../message/header-fields.ts'
import { collapsed, shownMessageId } from '../message/message-id.ts'
import { known } from '../known.ts'

export interface KeptFields {
  /** Name, length and value of each kept field, sorted; bytes as latin1. */
  readonly kept: string
  readonly messageId?: string
  /** It has parts, by its Content-Type. */
  readonly multipart: boolean
  /**
   * Where a line stands that is no field. The body begins there, as it does for Postfix and
   * sendmail; else all messages that begin with plain text would be one.
   */
  readonly bodyFrom?: number
}

/**
 * Set by the author's side, and left alone by relays; the rest is trace, signature, verdict or
 * MIME.
 */
const keptNames = new Set([
  'from',
  'to',
  'cc',
  'subject',
  'date',
  'message-id',
  'sender',
  'reply-to',
  'in-reply-to',
  'references',
])

const readNames = new Set([...keptNames, 'content-type'])

/**
 * `header` as `HeaderReader` gives it. Of a section of too many fields nothing is kept, so that
 * every octet counts.
 */
export function keepFields(header: Buffer): KeptFields {
  const read = readFields(header)
  if (read === undefined) return { kept: '', multipart: false }
  const { leading, bodyFrom } = read
  const fields = leading
    .filter(({ name }) => readNames.has(name))
    .map(({ name, value }) => ({ name, value: collapsed(value) }))
  const kept = fields
    .filter(({ name }) => keptNames.has(name))
    .map(({ name, value }) => `${name} ${value.length} ${value}\n`)
    .sort()
  const messageId = fields.find(({ name, value }) => name === 'message-id' && value !== '')?.value
  return {
    kept: kept.join(''),
    multipart: fields.some(
      ({ name, value }) => name === 'content-type' && /^multipart\//i.test(value),
    ),
    ...(messageId === undefined ? {} : { messageId: shownMessageId(messageId) }),
    ...known({ bodyFrom }),
  }
}
