/** Dot-stuffing towards a backend (RFC 5321 4.5.2), over chunks, with one native search per occurrence. */

const lineWithDot = Buffer.from('\r\n.')
const dot = Buffer.from('.')
const DOT = 0x2e

/** Where the last chunk ended: what a dot at the start of the next one would mean. */
export type Ending = 'lineStart' | 'cr' | 'other'

export interface Stuffed {
  /** What to write, in order; slices of the chunk wherever no dot is in the way. */
  readonly parts: readonly Buffer[]
  readonly ending: Ending
}

/** Stuffs one chunk. `before` is the ending of what was written before it: `lineStart` for the first one. */
export function stuffDots(chunk: Buffer, before: Ending): Stuffed {
  if (chunk.length === 0) return { parts: [], ending: before }
  const parts: Buffer[] = []
  let from = 0
  if (before === 'lineStart' && chunk[0] === DOT) parts.push(dot)
  if (before === 'cr' && chunk[0] === 0x0a && chunk[1] === DOT) {
    parts.push(chunk.subarray(0, 1), dot)
    from = 1
  }
  for (let at = chunk.indexOf(lineWithDot, from); at !== -1; at = chunk.indexOf(lineWithDot, from)) {
    parts.push(chunk.subarray(from, at + 2), dot)
    from = at + 2
  }
  if (from < chunk.length) parts.push(chunk.subarray(from))
  return { parts, ending: endingOf(chunk, before) }
}

function endingOf(chunk: Buffer, before: Ending): Ending {
  const last = chunk[chunk.length - 1]
  if (last === 0x0d) return 'cr'
  if (last !== 0x0a) return 'other'
  const crBefore = chunk.length > 1 ? chunk[chunk.length - 2] === 0x0d : before === 'cr'
  return crBefore ? 'lineStart' : 'other'
}

/** What ends the text, after its last line: adds the CRLF that the text itself lacks. */
export function endOfText(ending: Ending): string {
  return ending === 'lineStart' ? '.\r\n' : '\r\n.\r\n'
}
