/** Frames and replies of a filter: each kind, cut anywhere, too long, too short, and not a milter's. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readAgreed, readReply } from '../../../src/judge/milter/replies.ts'
import {
  cString,
  encodeFrame,
  type Frame,
  FrameReader,
  longestFrame,
} from '../../../src/judge/milter/wire.ts'
import { cut, cuts } from '../../smtp/splits.ts'
import { agrees, frame, numbered } from './frames.ts'

const framesIn = (pieces: readonly Buffer[]): (Frame | { readonly failed: string })[] => {
  const reader = new FrameReader()
  const found: (Frame | { readonly failed: string })[] = []
  for (const piece of pieces) {
    reader.push(piece)
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      found.push(next)
      if ('failed' in next) return found
    }
  }
  return found
}

const read = (octets: Buffer) => {
  const [one] = framesIn([octets])
  if (one === undefined || 'failed' in one) throw new Error('no frame')
  return readReply(one)
}

describe('frames', () => {
  it('are the same wherever their octets are cut', () => {
    const one = fc.record({
      code: fc.constantFrom(...Array.from('acdefhimpqrsty+-24')),
      data: fc.uint8Array({ maxLength: 50 }),
    })
    fc.assert(
      fc.property(fc.array(one), cuts, (frames, places) => {
        const octets = Buffer.concat(
          frames.map(({ code, data }) => encodeFrame(code, Buffer.from(data))),
        )
        expect(framesIn(cut(octets, places))).toEqual(
          frames.map(({ code, data }) => ({ code, data: Buffer.from(data) })),
        )
      }),
    )
  })

  it('are written as libmilter reads them', () => {
    expect(encodeFrame('H', cString('mx.test'))).toEqual(frame('H', 'mx.test\0'))
    expect(cString('a\0b').toString('latin1')).toBe('a?b\0')
  })

  it.each([
    ['HTTP/1.1 400 Bad Request\r\n', /it speaks HTTP/],
    ['<html>\r\n<head>', /it speaks HTTP/],
    ['UNKNOWN COMMAND\n', /it is clamd/],
    ['COMMAND READ TIMED OUT\n', /it is clamd/],
    ['220 mx.test ESMTP\r\n', /it is a mail server/],
    ['SPAMD/1.0 76 Bad header line', /it is spamd/],
    ['+OK ready\r\n', /it says: \+OK ready/],
    ['\xff\xff\xff\xff', /more than 1048576 octets/],
    ['\0\0\0\0', /without a command/],
  ])('that are none are named: %j', (octets, failed) => {
    const [found] = framesIn([Buffer.from(octets, 'latin1')])
    expect(found).toEqual({ failed: expect.stringMatching(failed) as unknown })
  })

  it('longer than the limit are not waited for', () => {
    const front = Buffer.alloc(4)
    front.writeUInt32BE(longestFrame)
    expect(framesIn([front])).toEqual([])
    front.writeUInt32BE(longestFrame + 1)
    expect(framesIn([front])).toEqual([{ failed: expect.any(String) as unknown }])
  })
})

describe('replies', () => {
  it.each<[Buffer, unknown]>([
    [frame('c'), { say: 'continue' }],
    [frame('a'), { say: 'accept' }],
    [frame('r'), { say: 'reject' }],
    [frame('t'), { say: 'tempfail' }],
    [frame('d'), { say: 'discard' }],
    [frame('s'), { say: 'skip' }],
    [frame('p'), { say: 'progress' }],
    [frame('f'), { say: 'hang up' }],
    [frame('4'), { say: 'hang up' }],
    [frame('h', 'X-A\0 one\0'), { change: 'add', name: 'X-A', value: ' one' }],
    [numbered('i', 2, 'X-A\0one\0'), { change: 'insert', index: 2, name: 'X-A', value: 'one' }],
    [numbered('m', 1, 'X-A\0\0'), { change: 'set', index: 1, name: 'X-A', value: '' }],
    [frame('b', 'octets'), { change: 'body', octets: Buffer.from('octets') }],
    [frame('+', '<ann@a.test>\0'), { change: 'add recipient', address: 'ann@a.test' }],
    [frame('2', '<ann@a.test>\0SIZE=1\0'), { change: 'add recipient', address: 'ann@a.test' }],
    [frame('-', 'ann@a.test\0'), { change: 'delete recipient', address: 'ann@a.test' }],
    [frame('e', '<>\0'), { change: 'sender', address: '' }],
    [frame('q', 'virus\0'), { change: 'quarantine', why: 'virus' }],
  ])('of each kind are read: %j', (octets, expected) => {
    expect(read(octets)).toEqual(expected)
  })

  it.each<[string, number, string, string[]]>([
    ['550 5.7.1 no\0', 550, '7.1', ['no']],
    ['451 4.7.1 later, 100%% sure\0', 451, '7.1', ['later, 100% sure']],
    ['550 5.7.1 5% off\0', 550, '7.1', ['5 off']],
    ['550-5.7.1 one\r\n550 5.7.1 two\0', 550, '7.1', ['one', 'two']],
    ['550 no\0', 550, '7.1', ['no']],
    ['550 4.2.0 other class\0', 550, '7.1', ['other class']],
    ['421 4.3.2 going away\0', 451, '3.2', ['going away']],
    ['554\0', 554, '7.1', ['refused by a filter']],
    ['550 5.7.1 \x07bell\0', 550, '7.1', ['?bell']],
  ])('in its own words: %j', (text, code, detail, lines) => {
    expect(read(frame('y', text))).toEqual({ say: 'reply', reply: { code, detail, lines } })
  })

  it.each([
    [frame('y', '250 ok\0'), /no reply/],
    [frame('y', 'hello\0'), /no reply/],
    [frame('y', '550 5.7.1 without its end'), /no reply/],
    [frame('h', 'X-A\0without its end'), /half an answer/],
    [frame('i', '\0\0'), /half an answer/],
    [numbered('m', 1, 'X-A\0'), /half an answer/],
    [frame('-', 'without its end'), /half an answer/],
    [frame('z'), /"z", which no milter does/],
    [frame('\xe9'), /no milter does/],
  ])('that are none are named: %j', (octets, failed) => {
    expect(read(octets)).toEqual({ failed: expect.stringMatching(failed) as unknown })
  })

  it('any octets are read without a throw', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Array.from('acdefhimpqrstyO+-24z')),
        fc.uint8Array(),
        (code, octets) => {
          const one = { code, data: Buffer.from(octets) }
          expect(readReply(one)).toBeTypeOf('object')
          expect(readAgreed(one)).toBeTypeOf('object')
        },
      ),
    )
  })

  it('what is told on is as long as we say, however long it came', () => {
    const said = read(frame('y', `550 5.7.1 ${'x'.repeat(2000)}\r\n`.repeat(100).concat('\0')))
    if (!('say' in said) || said.say !== 'reply') throw new Error('no reply')
    expect(said.reply.lines).toHaveLength(20)
    expect(Math.max(...said.reply.lines.map(({ length }) => length))).toBe(400)
  })
})

describe('the answer to the offer', () => {
  const agreed = (octets: Buffer) => {
    const [one] = framesIn([octets])
    if (one === undefined || 'failed' in one) throw new Error('no frame')
    return readAgreed(one)
  }

  it.each([
    ['opendkim', agrees(0x10_0702), { version: 6, protocol: 0x10_0702 }],
    ['a newer one than we know', agrees(0, 7), { version: 6, protocol: 0 }],
    ['one of 1998', agrees(0x7f, 2, 0x3f), { version: 2, protocol: 0x7f }],
  ])('of %s', (_name, octets, expected) => {
    expect(agreed(octets)).toMatchObject(expected)
  })

  it('names the macros that it wants, by stage', () => {
    const lists = Buffer.from('\0\0\0\x00j {client_addr}\0\0\0\0\x05i\0', 'latin1')
    const octets = Buffer.concat([agrees().subarray(5), lists])
    expect(agreed(frame('O', octets))).toMatchObject({
      macros: new Map([
        [0, new Set(['j', '{client_addr}'])],
        [5, new Set(['i'])],
      ]),
    })
  })

  it.each([
    [agrees(0, 1), /version 1/],
    [frame('O', '\0\0\0\x06'), /half an answer/],
    [frame('c'), /does not negotiate/],
  ])('that is none is named: %j', (octets, failed) => {
    expect(agreed(octets)).toEqual({ failed: expect.stringMatching(failed) as unknown })
  })
})
