/**
 * What a server behind says, in any pieces: the parser of its replies, and what of it reaches a
 * client.
 */
import { ReplyParser } from '../../src/smtp/reply-parser.ts'
import { describeReply, encodeReply, type Reply } from '../../src/smtp/reply.ts'
import { replies as ours } from '../../src/smtp/replies.ts'
import { forClient } from '../../src/session/relay.ts'
import { parseExtensions } from '../../src/smtp/ehlo.ts'
import type { Random } from '../support/random.ts'
import { type Fuzzer, holds, same } from './fuzzer.ts'
import { anything, cutAnywhere, octetsOf, perhapsSpoiled } from './octets.ts'
import { parseReply } from './reading.ts'

const codes = [
  '220',
  '250',
  '251',
  '354',
  '353',
  '421',
  '450',
  '451',
  '452',
  '500',
  '503',
  '550',
  '552',
  '554',
  '199',
  '600',
  '000',
  '25',
  '2500',
] as const
const words = [
  'Ok',
  '2.0.0 Ok',
  '4.2.2 full',
  '5.7.1 no',
  '',
  'mx.test',
  'SIZE 100',
  'PIPELINING',
  'AUTH PLAIN',
  'try again in 5 minutes',
  'retry=00:05:00',
  '\ttab',
  'caf\xe9',
] as const

function reply(random: Random): string {
  const code = random.pick(codes)
  const lines = Array.from(
    { length: random.chance(0.7) ? 1 : random.between(1, random.chance(0.05) ? 300 : 6) },
    () => random.pick(words),
  )
  const end = random.chance(0.9) ? '\r\n' : '\n'
  return lines
    .map(
      (line, i) =>
        `${code}${i === lines.length - 1 ? ' ' : '-'}${random.chance(0.01) ? 'x'.repeat(random.between(400, 5000)) : line}${end}`,
    )
    .join('')
}

interface Read {
  readonly replies: readonly Reply[]
  readonly failed: boolean
  /** The last one came to its end. */
  readonly ended: boolean
}

function read(chunks: readonly Buffer[]): Read {
  const parser = new ReplyParser()
  const all: Reply[] = []
  for (const chunk of chunks) {
    all.push(...parser.push(chunk))
    holds(parser.pendingBytes <= 100_000, 'what is kept is bounded', parser.pendingBytes)
  }
  const { unfinished, trouble } = parser
  const replies = unfinished === undefined ? all : [...all, unfinished]
  return { replies, failed: trouble !== undefined, ended: unfinished === undefined }
}

function once(random: Random): void {
  const wire = random.chance(0.05)
    ? anything(random, 200)
    : perhapsSpoiled(
        random,
        Array.from({ length: random.between(1, 4) }, () => reply(random)).join(''),
        0.4,
      )
  const octets = octetsOf(wire)
  const whole = read([octets])
  const pieces = read(cutAnywhere(random, octets))
  holds(whole.failed === pieces.failed, 'wherever it is cut, it is a reply or none', wire)
  same(pieces.replies, whole.replies, 'wherever it is cut, the replies are the same', wire)
  for (const one of [...whole.replies, ...pieces.replies]) {
    holds(one.code >= 200 && one.code <= 599, 'a code is one of RFC 5321', one)
    holds(
      !/[\x00-\x08\x0a-\x1f\x7f]/.test(one.lines.join('')),
      'no control character gets through',
      one,
    )
    const passed = forClient(one, ours.ok)
    holds(
      passed.code !== 421 && (passed.code < 200 || passed.code > 299 || passed.code === 250),
      'a yes is 250, and 421 is not passed on',
      one,
    )
    same(
      parseReply(Buffer.from(encodeReply(passed), 'latin1').toString('latin1')),
      1,
      'what is passed on is one reply',
      one,
    )
    holds(!/[\r\n]/.test(describeReply(one)), 'the log has it in one line', one)
    parseExtensions(one.lines)
  }
  if (whole.failed || !whole.ended || !wire.endsWith('\n')) return
  const finals = wire.split('\n').filter((line) => /^[2-5][0-9]{2}(?![0-9-])/.test(line)).length
  holds(whole.replies.length === finals, 'there are as many replies as last lines', {
    wire,
    replies: whole.replies,
  })
}

export const replies: Fuzzer = { name: 'replies', once }
