/**
 * Dot-stuffing towards a backend (RFC 5321 4.5.2), over chunks, with one native search per
 * occurrence. A chunk of nothing but dots would become thousands of parts, each of which costs as
 * much as a long one: behind the first few the rest is put together octet by octet.
 */

const lineWithDot = Buffer.from('\r\n.')
const dot = Buffer.from('.')
const DOT = 0x2e
const CR = 0x0d
const LF = 0x0a
/** Of dots in one chunk that are searched natively. */
const fewDots = 16

/** Where the last chunk ended: what a dot at the start of the next one would mean. */
export type Ending = 'lineStart' | 'cr' | 'other'

export interface Stuffed {
  /** What to write, in order; slices of the chunk wherever no dot is in the way. */
  readonly parts: readonly Buffer[]
  readonly ending: Ending
}

/**
 * Stuffs one chunk. `before` is the ending of what was written before it: `lineStart` for the first
 * one.
 */
export function stuffDots(chunk: Buffer, before: Ending): Stuffed {
  if (chunk.length === 0) return { parts: [], ending: before }
  const parts: Buffer[] = []
  let from = 0
  if (before === 'lineStart' && chunk[0] === DOT) parts.push(dot)
  if (before === 'cr' && chunk[0] === 0x0a && chunk[1] === DOT) {
    parts.push(chunk.subarray(0, 1), dot)
    from = 1
  }
  for (
    let at = chunk.indexOf(lineWithDot, from);
    at !== -1;
    at = chunk.indexOf(lineWithDot, from)
  ) {
    if (parts.length > 2 * fewDots) {
      parts.push(stuffedRest(chunk, from))
      from = chunk.length
      break
    }
    parts.push(chunk.subarray(from, at + 2), dot)
    from = at + 2
  }
  if (from === 0) parts.push(chunk)
  else if (from < chunk.length) parts.push(chunk.subarray(from))
  return { parts, ending: endingOf(chunk, before) }
}

/** `from` is no dot that begins a line. */
function stuffedRest(chunk: Buffer, from: number): Buffer {
  // A stuffed dot has three octets of its own.
  const stuffed = Buffer.allocUnsafe(Math.ceil(((chunk.length - from) * 4) / 3))
  let to = 0
  for (let at = from; at < chunk.length; at++) {
    const octet = chunk[at] ?? 0
    if (octet === DOT && at > from + 1 && chunk[at - 1] === LF && chunk[at - 2] === CR)
      stuffed[to++] = DOT
    stuffed[to++] = octet
  }
  return stuffed.subarray(0, to)
}

/** `before`: where the octets in front of the chunk ended; `lineStart` for the first one. */
export function endingOf(chunk: Buffer, before: Ending): Ending {
  if (chunk.length === 0) return before
  const last = chunk[chunk.length - 1]
  if (last === 0x0d) return 'cr'
  if (last !== 0x0a) return 'other'
  const crBefore = chunk.length > 1 ? chunk[chunk.length - 2] === 0x0d : before === 'cr'
  return crBefore ? 'lineStart' : 'other'
}

const behindLine = Buffer.from('.\r\n')
const behindPart = Buffer.from('\r\n.\r\n')

/** What ends the text, after its last line: adds the CRLF that the text itself lacks. */
export const endOfText = (ending: Ending): Buffer =>
  ending === 'lineStart' ? behindLine : behindPart
