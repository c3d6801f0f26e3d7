/**
 * Which message this is, across the attempts of one sender (design rule 6).
 *
 * Between two attempts a sender's own farm changes trace fields, signatures, folding and the order
 * of fields, and Exchange even the MIME boundaries (senders). So of a message that its author's
 * side has named by a Message-ID only the fields count that this side sets, without their folding,
 * and MIME boundaries by their order. Everything else of the body counts, so that two messages with
 * one Message-ID stay two. Without a Message-ID too little is left to tell two messages apart: then
 * every octet counts, trace fields too.
 *
 * The value is sha256 over a version, the length of the kept fields, the kept fields, and the
 * digest of the body; or over a version and all octets.
 */
import { createHash } from 'node:crypto'
import { createBodyDigest, type BodyDigest } from './fingerprint-body.ts'
import { HeaderReader, type HeaderSection } from '../message/header-section.ts'
import type { MessageIdentity } from './split.ts'
import { keepFields, type KeptFields } from './fingerprint-header.ts'

export interface Fingerprint {
  /**
   * The next bytes of the text: CRLF line ends, not dot-stuffed. The chunk is not kept and not
   * changed.
   */
  push(chunk: Buffer): void
  /** Once the header section has come, if it has one. */
  readonly messageId: string | undefined
  /** After the last byte; to be called once. */
  end(): MessageIdentity
}

const version = 'rcptwise message 2\n'
const everyOctet = 'rcptwise octets 2\n'
const lineEnd = Buffer.from('\r\n')

/**
 * Reads a message of any size; the result does not depend on where its chunks end. Holds at most
 * the first 256 KiB of the header section in memory; what a longer one has beyond that counts byte
 * by byte, as body.
 */
export function createFingerprint(): Fingerprint {
  const section = new HeaderReader()
  let fields: KeptFields | undefined
  let body: BodyDigest | undefined

  const startBody = ({ header, rest, end }: HeaderSection): BodyDigest => {
    fields = keepFields(header)
    const { bodyFrom, multipart, messageId } = fields
    const digest =
      messageId === undefined
        ? createWholeDigest()
        : createBodyDigest({ atLineStart: bodyFrom !== undefined || end !== 'limit', multipart })
    const from = messageId === undefined ? 0 : bodyFrom
    if (from !== undefined) {
      digest.push(header.subarray(from))
      if (end === 'empty line') digest.push(lineEnd)
    }
    digest.push(rest)
    return digest
  }

  return {
    get messageId() {
      return fields?.messageId
    },
    push: (chunk) => {
      if (body !== undefined) {
        body.push(chunk)
        return
      }
      const found = section.push(chunk)
      if (found !== undefined) body = startBody(found)
    },
    end: () => {
      body ??= startBody(section.end())
      const { kept = '', messageId } = fields ?? {}
      if (messageId === undefined) return { fingerprint: body.end().toString('hex') }
      const whole = createHash('sha256')
        .update(`${version}${kept.length}\n`)
        .update(kept, 'latin1')
        .update(body.end())
      return { fingerprint: whole.digest('hex'), messageId }
    },
  }
}

function createWholeDigest(): BodyDigest {
  const hash = createHash('sha256').update(everyOctet)
  return { push: (bytes) => void hash.update(bytes), end: () => hash.digest() }
}
