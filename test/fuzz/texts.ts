/**
 * Texts on their way through: where one ends, what of it passes, and that what goes on can't be
 * read in another way.
 */
import { endOfText, type Ending, stuffDots } from '../../src/smtp/dot-stuffing.ts'
import { TextReceiver, type TextReceiverOptions } from '../../src/smtp/text-receiver.ts'
import type { Random } from '../support/random.ts'
import { type Fuzzer, holds, same } from './fuzzer.ts'
import { anything, cutAnywhere, octetsOf, perhapsSpoiled } from './octets.ts'

const lines = [
  'Subject: x',
  '',
  '.',
  '..',
  '.x',
  'x.',
  'hello',
  '\t folded',
  '--b',
  'From someone',
  ' x',
  '\xe9',
  '\0',
  'x\ry',
  'x\ny',
  '\r',
  '\n',
] as const

interface Received {
  readonly out: string
  readonly rest: string | undefined
  readonly fault: string | undefined
  readonly size: number
}

function receive(options: TextReceiverOptions, chunks: readonly Buffer[]): Received {
  const out: string[] = []
  const told = { dotted: false }
  const receiver = new TextReceiver(options, (octets, dotted) => {
    out.push(octets.toString('latin1'))
    told.dotted ||= dotted
  })
  const rests: string[] = []
  for (const chunk of chunks) {
    if (receiver.ended) rests.push(chunk.toString('latin1'))
    else {
      const rest = receiver.push(chunk)
      if (rest !== undefined) rests.push(rest.toString('latin1'))
    }
  }
  const ended = receiver.ended
  if (!told.dotted && `\r\n${out.join('')}`.includes('\r\n.'))
    throw new Error('a line begins with a dot, and nobody was told')
  return {
    out: out.join(''),
    rest: ended ? rests.join('') : undefined,
    fault: receiver.fault,
    size: receiver.sizeBytes,
  }
}

/** Line by line, for texts in which CR and LF stand together alone (RFC 5321 4.5.2). */
function reference(wire: string): { readonly out: string; readonly rest: string | undefined } {
  const out: string[] = []
  let at = 0
  for (;;) {
    const end = wire.indexOf('\r\n', at)
    if (end === -1) return { out: out.join(''), rest: undefined }
    const line = wire.slice(at, end)
    at = end + 2
    if (line === '.') return { out: out.join(''), rest: wire.slice(at) }
    out.push(`${line.startsWith('.') ? line.slice(1) : line}\r\n`)
  }
}

function once(random: Random): void {
  const content = Array.from({ length: random.between(0, 12) }, () => random.pick(lines)).join(
    '\r\n',
  )
  const wire = random.chance(0.05)
    ? anything(random, 300)
    : `${perhapsSpoiled(random, content, 0.5)}${random.pick(['\r\n.\r\n', '\r\n.\r\n', '\n.\r\n', '\r\n.\n', ''])}${random.pick(['', 'QUIT\r\n'])}`
  const options: TextReceiverOptions = {
    bareNewlines: random.chance(0.5) ? 'reject' : 'normalize',
    maxBytes: random.pick([1_000_000, 50]),
    maxLineBytes: random.pick([1000, 20]),
    maxHeaderBytes: random.pick([1000, 30]),
    dots: true,
  }
  const octets = octetsOf(wire)
  const whole = receive(options, [octets])
  const pieces = receive(options, cutAnywhere(random, octets))
  same(
    { rest: pieces.rest, fault: pieces.fault, size: pieces.size },
    { rest: whole.rest, fault: whole.fault, size: whole.size },
    'wherever it is cut, it ends at one place, for one reason, and has one size',
    { wire, options },
  )
  if (whole.rest === undefined) return
  const plain = !/\r(?!\n)|(?<!\r)\n/.test(wire.slice(0, wire.length - whole.rest.length))
  if (plain)
    holds(reference(wire).rest === whole.rest, 'it ends at CRLF.CRLF and nowhere else', {
      wire,
      whole,
    })
  if (whole.fault !== undefined) return
  same(pieces.out, whole.out, 'wherever it is cut, the same octets pass', { wire, options })
  same(whole.size, whole.out.length, 'its size is that of the octets that pass', { wire, options })
  holds(!/\r(?!\n)|(?<!\r)\n/.test(whole.out), 'nothing but CRLF ends a line of what passes', {
    wire,
    whole,
  })
  if (plain) same(whole.out, reference(wire).out, 'the octets that pass are the message', wire)
  sentOn(random, whole.out)
}

/** What the server behind is sent of it has the same octets for it, and ends where it ends. */
function sentOn(random: Random, message: string): void {
  let ending: Ending = 'lineStart'
  const sent: Buffer[] = []
  for (const chunk of cutAnywhere(random, octetsOf(message))) {
    const stuffed = stuffDots(chunk, ending)
    sent.push(...stuffed.parts)
    ending = stuffed.ending
  }
  const wire = Buffer.concat([...sent, endOfText(ending)]).toString('latin1')
  const read = reference(wire)
  same(read.rest, '', 'it ends where we end it', { message, wire })
  same(
    read.out,
    message === '' || message.endsWith('\r\n') ? message : `${message}\r\n`,
    'the server behind reads the same',
    { message, wire },
  )
}

export const texts: Fuzzer = { name: 'texts', once }
