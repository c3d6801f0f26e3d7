/**
 * What an octet of a text costs, by kind of text: node bench/texts.ts. In chunks of 64 KiB, without
 * sockets; the best of many rounds.
 */
import { createFingerprint } from '../src/split/fingerprint.ts'
import { stuffDots } from '../src/smtp/dot-stuffing.ts'
import { TextReceiver } from '../src/smtp/text-receiver.ts'

const kinds: Readonly<Record<string, string>> = {
  'lines of 76': `${'a'.repeat(76)}\r\n`,
  'lines of 38': `${'a'.repeat(38)}\r\n`,
  'lines of 2': 'ab\r\n',
  'empty lines': '\r\n',
  'no line end': 'a',
  dots: '..\r\n',
  dashes: '--\r\n',
  blanks: ' \t',
  'bare LF': '\n',
  'bare CR': '\r',
  'lines that end with LF': `${'a'.repeat(76)}\n`,
  'LF and CR in turn': '\n\r',
  'CRLF and CR': '\r\n\r',
  NUL: '\0',
}
const octets = 1024 * 1024
const chunkOctets = 65_536
const roundMs = 300

const generous = {
  maxBytes: Infinity,
  maxLineBytes: Infinity,
  maxHeaderBytes: Infinity,
  dots: true,
}
const steps: Readonly<Record<string, (chunks: readonly Buffer[]) => void>> = {
  reject: (chunks) => receive(chunks, 'reject'),
  normalize: (chunks) => receive(chunks, 'normalize'),
  fingerprint: (chunks) => {
    const fingerprint = createFingerprint()
    for (const chunk of chunks) fingerprint.push(chunk)
    fingerprint.end()
  },
  stuffing: (chunks) => {
    for (const chunk of chunks) stuffDots(chunk, 'lineStart')
  },
}

function receive(chunks: readonly Buffer[], bareNewlines: 'reject' | 'normalize'): void {
  const receiver = new TextReceiver({ ...generous, bareNewlines }, () => undefined)
  for (const chunk of chunks) receiver.push(chunk)
}

function nanosecondsAnOctet(step: (chunks: readonly Buffer[]) => void, unit: string): number {
  const text = Buffer.concat([
    Buffer.from('Subject: a\r\n\r\n'),
    Buffer.alloc(octets, unit, 'latin1'),
  ])
  const count = Math.ceil(text.length / chunkOctets)
  const chunks = Array.from({ length: count }, (_, n) =>
    text.subarray(n * chunkOctets, (n + 1) * chunkOctets),
  )
  let best = Infinity
  for (const until = performance.now() + roundMs; performance.now() < until;) {
    const from = performance.now()
    step(chunks)
    best = Math.min(best, performance.now() - from)
  }
  return (best * 1e6) / text.length
}

console.log(
  `${'ns an octet'.padEnd(24)}${Object.keys(steps)
    .map((name) => name.padStart(13))
    .join('')}`,
)
for (const [kind, unit] of Object.entries(kinds)) {
  const row = Object.values(steps).map((step) =>
    nanosecondsAnOctet(step, unit).toFixed(2).padStart(13),
  )
  console.log(`${kind.padEnd(24)}${row.join('')}`)
}
