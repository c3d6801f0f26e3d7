/**
 * A DNS server on a free UDP port of 127.0.0.1 that knows a few TXT records; of everything else it
 * says that there is none.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

export interface TxtServer extends AsyncDisposable {
  /** address:port */
  readonly address: string
  /** Names that were asked for, in order. */
  readonly asked: readonly string[]
}

/** `silent`: takes questions and never answers; `afterMs`: answers as from far away. */
export async function startTxtServer(
  records: Readonly<Record<string, string>>,
  options: { readonly silent?: boolean; readonly afterMs?: number } = {},
): Promise<TxtServer> {
  const asked: string[] = []
  const socket = createSocket('udp4', (query, from) => {
    const { name, end } = questionOf(query)
    asked.push(name)
    if (options.silent === true) return
    setTimeout(
      () => socket.send(answerTo(query, end, records[name]), from.port, from.address),
      options.afterMs ?? 0,
    )
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      socket.close()
      await once(socket, 'close')
    },
  }
}

const headerOctets = 12

/** RFC 1035 4.1.2: labels, then type and class. */
function questionOf(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = []
  let at = headerOctets
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), end: at + 5 }
}

function answerTo(query: Buffer, end: number, record: string | undefined): Buffer {
  const header = Buffer.from(query.subarray(0, headerOctets))
  header.writeUInt16BE(0x8580, 2) // an answer, authoritative
  header.writeUInt16BE(record === undefined ? 0 : 1, 6)
  header.fill(0, 8)
  const question = query.subarray(headerOctets, end)
  const isTxt = query.readUInt16BE(end - 4) === 16
  if (record === undefined || !isTxt) {
    header.writeUInt16BE(0, 6)
    return Buffer.concat([header, question])
  }
  const text = Buffer.from(record)
  const fixed = Buffer.from([
    0xc0,
    headerOctets,
    0,
    16,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    text.length + 1,
    text.length,
  ])
  return Buffer.concat([header, question, fixed, text])
}
