/**
 * The administrator's own query: its text, and where the lists of keys stand in it. Each list
 * becomes bound parameters of the driver, and no key is ever part of a text. Pure.
 */

/** `keys`: addresses and `@domain`; `addresses`: those alone; `domains`: without the `@`. */
export const listNames = ['keys', 'addresses', 'domains'] as const
export type ListName = (typeof listNames)[number]

export interface Query {
  /** What stands between the lists is text. */
  readonly pieces: readonly (string | { readonly list: ListName })[]
}

/** Quotes and comments, in which a colon means nothing: how each begins and ends. */
const closings: readonly (readonly [open: string, close: string])[] = [
  ["'", "'"],
  ['"', '"'],
  ['`', '`'],
  ['--', '\n'],
  ['/*', '*/'],
  ['$$', '$$'],
]

/** @throws Error that says what is wrong with it */
export function parseQuery(text: string): Query {
  const pieces: Query['pieces'][number][] = []
  let begun = 0
  let at = 0
  while (at < text.length) {
    const list = text[at] === ':' ? listAt(text, at) : undefined
    if (list === undefined) {
      at = behindToken(text, at)
      continue
    }
    pieces.push(text.slice(begun, at), { list })
    at += list.length + 1
    begun = at
  }
  if (pieces.length === 0)
    throw new Error(`has none of ${inWords()}; write for instance WHERE address IN (:keys)`)
  return { pieces: [...pieces, text.slice(begun)] }
}

const inWords = (): string => listNames.map((name) => `:${name}`).join(', ')

/** Behind a quote or comment that begins here, a cast (`::text`), or one character. */
function behindToken(text: string, at: number): number {
  if (text.startsWith('::', at)) return at + 2
  const closing = closings.find(([open]) => text.startsWith(open, at))
  if (closing === undefined) return at + 1
  const [open, close] = closing
  const end = text.indexOf(close, at + open.length)
  return end < 0 ? text.length : end + close.length
}

/** The list whose name stands behind this colon; undefined where the colon is no parameter's. */
function listAt(text: string, at: number): ListName | undefined {
  const word = /^:([a-z_]\w*)/i.exec(text.slice(at, at + 64))?.[1]
  if (word === undefined) return undefined
  const list = listNames.find((name) => name === word)
  if (list !== undefined) return list
  throw new Error(`has no parameter :${word}, expected one of ${inWords()}`)
}
