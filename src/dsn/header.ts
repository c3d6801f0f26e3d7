/**
 * The header section of a message, as far as reports need it. Octets stay octets: values are
 * latin1.
 */

export interface HeaderField {
  /** In lower case. */
  readonly name: string
  /** Unfolded, without blanks around it. */
  readonly value: string
}

const endOfHeader = Buffer.from('\r\n\r\n')

/**
 * The octets before the empty line, with the CRLF of the last field; all of them where there is no
 * empty line.
 */
export function headerOf(text: Buffer): Buffer {
  if (text.subarray(0, 2).equals(endOfHeader.subarray(0, 2))) return text.subarray(0, 0)
  const end = text.indexOf(endOfHeader)
  return end === -1 ? text : text.subarray(0, end + 2)
}

/** Fields in their order (RFC 5322 2.2). Lines that are no field are left out. */
export function fieldsOf(header: Buffer): HeaderField[] {
  const lines = header
    .toString('latin1')
    .replace(/\r\n(?=[ \t])/g, '')
    .split('\r\n')
  return lines.flatMap((line) => {
    const match = /^([\x21-\x39\x3b-\x7e]+)[ \t]*:(.*)$/.exec(line)
    if (match?.[1] === undefined) return []
    return [{ name: match[1].toLowerCase(), value: (match[2] ?? '').trim() }]
  })
}

/** The header section of a text, cut at `maxBytes`. */
export async function readHeader(chunks: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const read: Buffer[] = []
  let octets = 0
  let tail = Buffer.alloc(0)
  for await (const chunk of chunks) {
    read.push(chunk)
    octets += chunk.length
    const seam = Buffer.concat([tail, chunk])
    tail = Buffer.from(seam.subarray(-3))
    if (octets >= maxBytes || seam.includes('\r\n\r\n')) break
  }
  return headerOf(Buffer.concat(read).subarray(0, maxBytes))
}
