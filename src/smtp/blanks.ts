/**
 * Blanks between the words of a command: SP, and TAB as Postfix takes it (docs/leniency.md). `trim`
 * and `\s` are no use here: to them the octet A0 is a blank too, which is the second half of `à` in
 * UTF-8.
 */

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09

/** Where the first blank is; -1 for none. */
export function firstBlank(text: string): number {
  for (let at = 0; at < text.length; at++) if (isBlank(text.charCodeAt(at))) return at
  return -1
}

export const startsBlank = (text: string): boolean => isBlank(text.charCodeAt(0))

/** Without the blanks at both ends. */
export function trimBlanks(text: string): string {
  let [from, to] = [0, text.length]
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return from === 0 && to === text.length ? text : text.slice(from, to)
}

export const wordsOf = (text: string): string[] => text.split(/[ \t]/).filter((word) => word !== '')
