/**
 * xtext (RFC 3461 4): what XCLIENT and XFORWARD values are written in. Text is one character an
 * octet (octets.ts).
 */

import { octetsAlone } from './octets.ts'

const plain = /^[\x21-\x2a\x2c-\x3c\x3e-\x7e]$/

/** Cut, between characters, at `maxBytes` of the result. */
export function encodeXtext(text: string, maxBytes = Infinity): string {
  let encoded = ''
  for (const character of octetsAlone(text)) {
    const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')
    const next = plain.test(character) ? character : `+${code}`
    if (encoded.length + next.length > maxBytes) break
    encoded += next
  }
  return encoded
}

const valid = /^(?:[\x21-\x2a\x2c-\x7e]|\+[0-9A-Fa-f]{2})*$/

/**
 * Undefined when it is no xtext. Lower-case digits and `=` are taken too: some senders write them.
 */
export function decodeXtext(encoded: string): string | undefined {
  if (!valid.test(encoded)) return undefined
  return encoded.replace(/\+([0-9A-Fa-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
}
