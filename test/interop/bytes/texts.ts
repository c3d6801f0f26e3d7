/**
 * Texts that a mail server, a proxy or dot-stuffing could spoil; each begins with a header field
 * that finds it again.
 */

export const begin = (name: string): string => `X-Begin: ${name}\r\n`

const header = (name: string): string =>
  `${begin(name)}From: <sender@client.test>\r\nTo: <tag1@example.org>\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\nMessage-ID: <${name}@lab.test>\r\nX-Spam-Score: 5.5\r\n`

const text = (name: string, ...body: readonly (string | Buffer)[]): readonly [string, Buffer] => [
  name,
  Buffer.concat([Buffer.from(header(name)), ...body.map((part) => Buffer.from(part))]),
]

/**
 * Every octet but CR and LF, which only stand together. NUL is last: at the start of a line it is
 * refused.
 */
const octets = Buffer.from(
  Array.from({ length: 256 }, (_, octet) => 255 - octet).filter(
    (octet) => octet !== 13 && octet !== 10,
  ),
)

/** A line as long as `limits.text_line` (1 MiB) allows, of octets that differ. */
const longest = Buffer.alloc(1024 * 1024 - 2, octets.subarray(65, 91))

/** By name. */
export const texts = new Map<string, Buffer>([
  text('eight-bit', '\r\n', octets, '\r\n', octets, octets, '\r\n'),
  text(
    'long-lines',
    '\r\n',
    Buffer.alloc(998, 'a'),
    '\r\n',
    Buffer.alloc(999, 'b'),
    '\r\n',
    longest,
    '\r\n',
  ),
  text('dots', '\r\n.\r\n..\r\n...\r\n.x\r\n', '.\r\n'.repeat(5000), 'x.\r\n.\r\n'),
  text('dot-first', '\r\n.\r\n'),
  text('no-body'),
  text('empty-body', '\r\n'),
  text('empty-lines', '\r\n'.repeat(3000)),
  text('utf-8', 'Subject: Grüße, 日本語\r\n\r\nÄ€𝄞\r\n'),
])

/** Does not end with CRLF. */
export const unended = Buffer.from(`${header('unended')}\r\nx\r\n.y`)

/** A text of `size` octets, in lines that differ; the same for each call. */
export function largeText(name: string, size: number): Buffer {
  const whole = Buffer.alloc(size)
  const start = whole.write(`${header(name)}\r\n`, 'latin1')
  let state = 1
  for (let at = start; at < size - 2; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    whole[at] = (at - start) % 78 === 77 ? 32 : 33 + ((state >>> 16) % 190)
  }
  for (let at = start + 76; at < size - 4; at += 78) whole.write('\r\n', at, 'latin1')
  whole.write('\r\n', size - 2, 'latin1')
  return whole
}
