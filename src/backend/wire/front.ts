/**
 * A text with header fields in front of it, and with what keeps them and its first line apart.
 * Without fields every octet passes as it came.
 */
import { jointBefore } from '../../message/first-line.ts'
import { toOctets } from '../../smtp/octets.ts'

/** The fields, and what is written between them and the text. */
export function frontOf(header: string, whole: readonly Buffer[]): Buffer {
  if (header === '') return nothing
  const beginning = Buffer.concat(whole.slice(0, 1))
  const joint =
    jointBefore(beginning, whole.length < 2) ?? jointBefore(Buffer.concat(whole), true) ?? ''
  return toOctets(header + joint)
}

/**
 * The same while the text still comes. `always`: something else stands before the fields, even
 * where there are none.
 */
export async function* withFront(
  header: string,
  chunks: AsyncIterable<Buffer>,
  always = false,
): AsyncGenerator<Buffer> {
  let held: Buffer | undefined = header === '' && !always ? undefined : nothing
  for await (const chunk of chunks) {
    if (held === undefined) {
      yield chunk
      continue
    }
    held = Buffer.concat([held, chunk])
    const joint = jointBefore(held, false)
    if (joint === undefined) continue
    yield Buffer.concat([toOctets(header + joint), held])
    held = undefined
  }
  if (held !== undefined)
    yield Buffer.concat([toOctets(header + (jointBefore(held, true) ?? '')), held])
}

const nothing = Buffer.alloc(0)
