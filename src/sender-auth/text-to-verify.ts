/**
 * A text as DKIM is checked on it: with the part of its header section that counts, in pieces of
 * one size.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

const pieceOctets = 65_536

/**
 * `chunks` with `header` in place of its first `headerOctets` and of the empty line behind them. A
 * text may come in pieces of one octet; the library looks at an unfinished line anew with each
 * piece. Each piece comes in a turn of the event loop of its own: 10 MiB in memory would take a
 * tenth of a second.
 */
export async function* withHeader(
  header: Buffer,
  chunks: AsyncIterable<Buffer>,
  headerOctets: number,
): AsyncGenerator<Buffer> {
  yield header
  const emptyLine = 2
  let skip = headerOctets + emptyLine
  let held: Buffer[] = []
  let octets = 0
  for await (const chunk of chunks) {
    const rest = chunk.subarray(skip)
    skip -= chunk.length - rest.length
    held.push(rest)
    octets += rest.length
    if (octets < pieceOctets) continue
    await nextTurn()
    yield Buffer.concat(held)
    held = []
    octets = 0
  }
  if (octets > 0) yield Buffer.concat(held)
}
