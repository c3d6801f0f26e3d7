/**
 * A POSIX extended regular expression as re2js takes it, which needs a time that grows with the
 * length of the address alone. What can't be matched so, or means something else there, is refused.
 * Pure.
 */
import { RE2JS } from 're2js'

/** Of one pattern; the time of a match grows with it, too. */
const longestPattern = 2000

const knownEscapes = new Set('wWsSbB')

/** @throws Error that says why it is refused */
export function posixPattern(posix: string, flags: string): RE2JS {
  if (posix.length > longestPattern)
    throw new Error(`the pattern has more than ${longestPattern} characters`)
  const odd = /[^imx]/.exec(flags)?.[0]
  if (odd !== undefined) throw new Error(`there is no flag ${odd}, expected i`)
  if (isToggled(flags, 'x'))
    throw new Error('flag x is for a basic regular expression; write an extended one')
  const caseFlag = isToggled(flags, 'i') ? 0 : RE2JS.CASE_INSENSITIVE
  return RE2JS.compile(translated(posix), caseFlag | RE2JS.LONGEST_MATCH)
}

/** Each time that it is there it turns round what is so without it. */
const isToggled = (flags: string, flag: string): boolean => flags.split(flag).length % 2 === 0

function translated(posix: string): string {
  const pieces: string[] = []
  let at = 0
  while (at < posix.length) {
    const end = pieceEnd(posix, at)
    const piece = posix.slice(at, end)
    if (piece.startsWith('[')) pieces.push(bracket(piece))
    else pieces.push(piece.startsWith('\\') ? escape(piece) : piece)
    at = end
  }
  return pieces.join('')
}

/** Behind a bracket expression, an escape, or one character. */
function pieceEnd(posix: string, at: number): number {
  if (posix.startsWith('(?', at)) throw new Error('(? is not known in a regexp table')
  if (posix[at] === '\\') return at + 2
  return posix[at] === '[' ? bracketEnd(posix, at) : at + 1
}

/** A `]` at its beginning, and within a class such as `[:alpha:]`, does not end it. */
function bracketEnd(posix: string, begun: number): number {
  let at = begun + 1
  if (posix[at] === '^') at++
  if (posix[at] === ']') at++
  while (at < posix.length && posix[at] !== ']') {
    const kind = posix[at] === '[' ? posix[at + 1] : undefined
    if (kind === '.' || kind === '=') throw new Error(`[${kind} within brackets is not known`)
    const end = kind === ':' ? posix.indexOf(':]', at + 2) : at - 1
    at = end < at ? at + 1 : end + 2
  }
  if (at >= posix.length) throw new Error('a bracket does not end')
  return at + 1
}

/** A backslash stands for itself there, and so does a bracket that begins no class. */
const bracket = (piece: string): string => {
  const negated = piece.startsWith('[^') ? '^' : ''
  const inside = piece.slice(1 + negated.length, -1)
  const escaped = inside.replaceAll(/\[:[a-z]+:\]|\\|\[|^\]/g, (mark) =>
    mark.length > 1 ? mark : `\\${mark}`,
  )
  return `[${negated}${escaped}]`
}

function escape(piece: string): string {
  const [, escaped = ''] = piece
  if (/[0-9]/.test(escaped))
    throw new Error(`${piece} stands for what a group has matched, which can take for ever`)
  const isMark = /[^A-Za-z0-9<>'\x60]/.test(escaped)
  if (isMark || knownEscapes.has(escaped)) return piece
  throw new Error(`${piece} is not known in a regexp table; write a class such as [0-9]`)
}
