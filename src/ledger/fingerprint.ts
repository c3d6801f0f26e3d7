/**
 * Which message this is, across the attempts of one sender (design rule 6).
 *
 * Between two attempts a sender's own farm changes trace fields, signatures, folding and the order of fields, and Exchange
 * even the MIME boundaries (senders). So only fields that the author's side sets count, without their folding, and in the
 * body no line that begins with `--`. Everything else of the body counts, so that two messages with one Message-ID stay two.
 *
 * The value is sha256 over a version, the length of the kept fields, the kept fields, and the sha256 of the kept body.
 */
import { createHash } from 'node:crypto'
import { createBodyDigest, type BodyDigest } from './fingerprint-body.ts'
import type { MessageIdentity } from './split.ts'
import { createSectionReader, keepFields, type HeaderSection, type KeptFields } from './fingerprint-header.ts'

export interface Fingerprint {
  /** The next bytes of the text: CRLF line ends, not dot-stuffed. The chunk is not kept and not changed. */
  push(chunk: Buffer): void
  /** After the last byte; to be called once. */
  end(): MessageIdentity
}

const version = 'rcptwise message 1\n'
const lineEnd = Buffer.from('\r\n')

/**
 * Reads a message of any size; the result does not depend on where its chunks end. Holds at most the first 1 MiB of the
 * header section in memory; what a longer one has beyond that counts byte by byte, as body.
 */
export function createFingerprint(): Fingerprint {
  const section = createSectionReader()
  let fields: KeptFields | undefined
  let body: BodyDigest | undefined

  const startBody = ({ header, rest, cut }: HeaderSection): BodyDigest => {
    fields = keepFields(header)
    const { bodyFrom } = fields
    const digest = createBodyDigest({ atLineStart: bodyFrom !== undefined || !cut })
    if (bodyFrom !== undefined) {
      digest.push(header.subarray(bodyFrom))
      if (!cut) digest.push(lineEnd)
    }
    digest.push(rest)
    return digest
  }

  return {
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
      const whole = createHash('sha256').update(`${version}${kept.length}\n`).update(kept, 'latin1').update(body.end())
      return { fingerprint: whole.digest('hex'), ...(messageId === undefined ? {} : { messageId }) }
    },
  }
}
