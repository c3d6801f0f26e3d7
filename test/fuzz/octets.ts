/**
 * Octets that programs stumble over, and ways of spoiling what was right. Text is one character an
 * octet (latin1).
 */
import type { Random } from '../support/random.ts'

const hostile = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  '.',
  '\r\n.\r\n',
  '\n.\n',
  '\r.\r',
  '\n.\r\n',
  '\t',
  ' ',
  '  ',
  '<',
  '>',
  '"',
  '\\',
  '@',
  '%',
  '!',
  ':',
  ';',
  ',',
  '=',
  '+',
  '+0',
  '+0D',
  '-',
  '--',
  '(',
  ')',
  '[',
  ']',
  '/*',
  '#',
  '{',
  '}',
  '&',
  '*',
  '|',
  "'",
  '\x7f',
  '\x80',
  '\xa0',
  '\xff',
  '\xc3\xa9',
  '\xe4\xb8\x8d',
  '\xe4\xb8\x8a',
  '\xe2\x84\xaa',
  '\xc0\x8a',
  '\xed\xa0\x80',
  '\xef\xbb\xbf',
  '0',
  '1',
  '65536',
  '-1',
  '4294967296',
  '1e9',
  '::',
  '::1',
  '256.1.1.1',
  '127.0.0.1',
  'IPv6:',
  '\r\nRCPT TO:<x@example.org>\r\n',
  '\r\n250 ok',
  '\r\n\r\n',
] as const

export const piece = (random: Random): string => random.pick(hostile)

/** Any octets. */
export const anything = (random: Random, most: number): string =>
  Array.from({ length: random.between(0, most) }, () =>
    random.chance(0.3)
      ? piece(random)
      : String.fromCharCode(random.chance(0.7) ? random.between(32, 126) : random.between(0, 255)),
  ).join('')

/** A few changes: something put in, taken out, doubled, repeated often, or another case. */
export function spoiled(random: Random, text: string): string {
  let now = text
  for (let changes = random.between(1, 3); changes > 0; changes--) {
    const at = random.between(0, now.length)
    const to = Math.min(now.length, at + random.between(0, 8))
    const [before, middle, after] = [now.slice(0, at), now.slice(at, to), now.slice(to)]
    switch (random.between(0, 6)) {
      case 0:
        now = before + piece(random) + middle + after
        break
      case 1:
        now = before + after
        break
      case 2:
        now = before + middle + middle + after
        break
      case 3:
        now =
          before + (middle === '' ? piece(random) : middle).repeat(random.between(2, 40)) + after
        break
      case 4:
        now = before + (random.chance(0.5) ? middle.toUpperCase() : middle.toLowerCase()) + after
        break
      case 5:
        now = before + String.fromCharCode(random.between(0, 255)) + middle + after
        break
      case 6:
        now = before
    }
  }
  return now.replace(/[^\0-\xff]/g, '?')
}

/** `text`, spoiled now and then. */
export const perhapsSpoiled = (random: Random, text: string, chance = 0.3): string =>
  random.chance(chance) ? spoiled(random, text) : text

/** The same octets in pieces, cut anywhere; also single ones and empty ones. */
export function cutAnywhere(random: Random, octets: Buffer): Buffer[] {
  if (random.chance(0.1)) return Array.from(octets, (_, i) => octets.subarray(i, i + 1))
  const places = Array.from({ length: random.between(0, 6) }, () =>
    random.between(0, octets.length),
  ).sort((a, b) => a - b)
  return [...places, octets.length].map((end, i) =>
    octets.subarray(i === 0 ? 0 : places[i - 1], end),
  )
}

export const octetsOf = (text: string): Buffer => Buffer.from(text, 'latin1')

const names = [
  'ann',
  'Ann',
  'bob',
  'Bob',
  'cho',
  'o.x',
  'a+b',
  'postmaster',
  'x_y',
  "o'neil",
  'voil\xc3\xa0',
  'K',
  '\xe2\x84\xaa',
] as const
const domains = [
  'example.org',
  'EXAMPLE.org',
  'example.org.',
  'sub.example.org',
  'xn--bcher-kva.example',
  'b\xc3\xbccher.example',
  'elsewhere.test',
  '[192.0.2.1]',
  '[IPv6:2001:db8::1]',
  'localhost',
  '\xe4\xb8\x8d\xe4\xb8\x8a.example',
] as const

/**
 * A mailbox as servers meet them: plain ones mostly, quoted ones, routes, literals, international
 * ones.
 */
export function mailbox(random: Random): string {
  const local = random.pick(names)
  const quoted = random.chance(0.1)
    ? `"${local}${random.pick(['', ' ', '\\"', '\\\\', '@', '\\@x', '%', '<', '>'])}"`
    : local
  const routed = random.chance(0.05)
    ? `${quoted}%${random.pick(domains)}`
    : random.chance(0.03)
      ? `${random.pick(domains)}!${quoted}`
      : quoted
  const domain = random.chance(0.6) ? 'example.org' : random.pick(domains)
  return `${routed}@${domain}`
}

/** What stands behind `MAIL FROM:` or `RCPT TO:`, without parameters. */
export function path(random: Random): string {
  const route = random.chance(0.06)
    ? `${Array.from({ length: random.between(1, 30) }, () => '@a.test').join(',')}:`
    : ''
  const inside = `${route}${mailbox(random)}`
  const form = random.between(0, 20)
  if (form === 0) return inside
  if (form === 1) return ` <${inside}>`
  return `<${inside}>`
}
