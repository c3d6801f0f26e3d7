/** The events of one message, in order; the text is read on the way, as far as it is wanted. */
import { readFirstFields } from '../../message/header-fields.ts'
import { HeaderReader, type HeaderSection } from '../../message/header-section.ts'
import type { TextSource } from '../../message/text-source.ts'
import { toOctets } from '../../smtp/octets.ts'
import type { JudgedEnvelope } from '../judge.ts'
import type { Conversation, Told } from './conversation.ts'
import { connectData, headerData, mailData, rcptData } from './events.ts'
import { cString, longestBodyFrame } from './wire.ts'

const ofText = ['header', 'eoh', 'body'] as const
const nothing = Buffer.alloc(0)

/** What is told before the text. */
export function* envelopeEvents(envelope: JudgedEnvelope): Generator<Told> {
  const { client, reversePath, parameters, recipients } = envelope
  yield { event: 'connect', data: connectData(client) }
  yield { event: 'helo', data: cString(client.helo) }
  yield { event: 'mail', data: mailData(reversePath, parameters) }
  for (const recipient of recipients)
    yield { event: 'rcpt', data: rcptData(recipient.address), recipient }
  yield { event: 'data', data: nothing }
}

type Wants = Pick<Conversation, 'wants' | 'keepsLeadingSpace'>

/**
 * Only what is wanted is read. What stands behind the first line that is no field is body, as for
 * Postfix and for who edits the text (edited-header.ts).
 */
export async function* textEvents(text: TextSource, filter: Wants): AsyncGenerator<Told> {
  if (ofText.some((event) => filter.wants(event))) {
    const reader = new HeaderReader()
    let known = false
    for await (const chunk of text.chunks()) {
      if (known) yield* bodyEvents(chunk)
      else {
        const section = reader.push(chunk)
        if (section === undefined) continue
        known = true
        yield* sectionEvents(section, filter)
      }
      if (!filter.wants('body')) break
    }
    if (!known) yield* sectionEvents(reader.end(), filter)
  }
  yield { event: 'end', data: nothing }
}

function* sectionEvents({ header, rest, end }: HeaderSection, filter: Wants): Generator<Told> {
  const { leading, bodyFrom: read } = readFirstFields(header)
  const cut = end === 'limit' && read === undefined ? leading.at(-1) : undefined
  const fields = cut === undefined ? leading : leading.slice(0, -1)
  const bodyFrom = cut === undefined ? (read ?? header.length) : header.length - cut.raw.length
  for (const field of fields)
    yield { event: 'header', data: headerData(field, filter.keepsLeadingSpace) }
  yield { event: 'eoh', data: nothing }
  const noField = header.subarray(bodyFrom)
  if (noField.length > 0) {
    yield* bodyEvents(noField)
    if (end === 'empty line') yield* bodyEvents(toOctets('\r\n'))
  }
  yield* bodyEvents(rest)
}

/** In parts of about the same size. */
function* bodyEvents(octets: Buffer): Generator<Told> {
  const parts = Math.ceil(octets.length / longestBodyFrame)
  const size = Math.ceil(octets.length / parts)
  for (let at = 0; at < octets.length; at += size)
    yield { event: 'body', data: octets.subarray(at, at + size) }
}
