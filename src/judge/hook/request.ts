/**
 * The body of a request to a hook: JSON that has the text in it, made while it is sent. No more of
 * the text is in memory than one piece; its length is known because it is made once before that.
 */
import { readHeader } from '../../message/header-section.ts'
import { seenFields } from '../../message/seen-fields.ts'
import type { TextSource } from '../../message/text-source.ts'
import type { JudgedEnvelope } from '../judge.ts'
import { type Around, questionAround, type textKeys } from './question.ts'

export interface HookRequest {
  readonly body: TextSource
  /** Octets of it. */
  readonly length: number
}

/** `size`: of the text. */
export async function requestAbout(
  envelope: JudgedEnvelope,
  { text, size }: { readonly text: TextSource; readonly size: number },
  form: keyof typeof textKeys,
): Promise<HookRequest> {
  const section = await readHeader(text.chunks())
  const { fields, bodyFrom } = seenFields(section)
  const around = questionAround({ envelope, fields, size }, form)
  // Behind the empty line, or where something else has ended the fields.
  const atEmptyLine = section.end === 'empty line' && bodyFrom === section.header.length
  const from = atEmptyLine ? bodyFrom + 2 : bodyFrom
  const chunks = (): AsyncGenerator<Buffer> =>
    within(around, form === 'raw' ? inBase64(text) : inJson(text, from))
  let length = 0
  for await (const chunk of chunks()) length += chunk.length
  return { body: { whole: () => undefined, chunks }, length }
}

async function* within(
  { before, after }: Around,
  text: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  yield Buffer.from(before)
  yield* text
  yield Buffer.from(after)
}

/** What is no UTF-8 becomes U+FFFD, as with Stalwart. */
async function* inJson(text: TextSource, from: number): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let skip = from
  for await (const chunk of text.chunks()) {
    const skipped = Math.min(skip, chunk.length)
    skip -= skipped
    yield escaped(decoder.decode(chunk.subarray(skipped), { stream: true }))
  }
  yield escaped(decoder.decode())
}

const escaped = (text: string): Buffer => Buffer.from(JSON.stringify(text).slice(1, -1))

async function* inBase64(text: TextSource): AsyncGenerator<Buffer> {
  let left: Buffer = Buffer.alloc(0)
  for await (const chunk of text.chunks()) {
    const octets = left.length === 0 ? chunk : Buffer.concat([left, chunk])
    const whole = octets.length - (octets.length % 3)
    yield Buffer.from(octets.toString('base64', 0, whole))
    left = Buffer.from(octets.subarray(whole))
  }
  yield Buffer.from(left.toString('base64'))
}
