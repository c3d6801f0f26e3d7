/** Answers over HTTP, right and wrong, and however they are cut. */
import fc from 'fast-check'
import { describe, expect, it, test, vi } from 'vitest'
import {
  HttpAnswerReader,
  maxChunkLineBytes,
  maxHeadBytes,
} from '../../src/exchange/http-answer.ts'
import { cut, cuts, octet, plainCuts } from '../smtp/splits.ts'

const limit = 100

interface Read {
  readonly status?: number
  readonly body?: string
  readonly failed?: string
}

function read(chunks: readonly Buffer[], bodyLimit = limit): Read {
  const reader = new HttpAnswerReader(bodyLimit)
  for (const chunk of chunks) reader.push(chunk)
  reader.end()
  const { answer, failed } = reader
  if (answer === undefined) return failed === undefined ? {} : { failed }
  return { status: answer.status, body: answer.body.toString('latin1') }
}

const good: readonly (readonly [wire: string, status: number, body: string])[] = [
  ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong', 200, 'pong'],
  ['HTTP/1.0 200 OK\r\n\r\nup to the end', 200, 'up to the end'],
  ['HTTP/1.1 200\r\ncontent-length:0\r\n\r\n', 200, ''],
  ['HTTP/1.1 204 No Content\r\n\r\n', 204, ''],
  ['HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n', 304, ''],
  ['HTTP/1.1 500 \r\nContent-Length: \t 2 \r\n\r\nno and what comes behind', 500, 'no'],
  ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx', 200, 'x'],
  ['HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', 200, ''],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\n\r\n',
    200,
    'abc0123456789',
  ],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: 1\r\n\r\nmore', 200, ''],
  ['HTTP/1.1 200 caf\xe9\r\nX-Any: \xff\t.\r\nContent-Length: 3\r\n\r\n\0\r\n', 200, '\0\r\n'],
]

const [notHttp, unclear, within, without] = [
  'it does not speak HTTP',
  'it does not speak HTTP: it is unclear where its answer ends',
  'it closed the connection within its answer',
  'it closed the connection without an answer',
]
const bad: readonly (readonly [wire: string, failed: string])[] = [
  ['', without],
  ['PONG\n', notHttp],
  ['H', within],
  ['SSH-2.0-x\r\n', notHttp],
  ['HTTP/2 200\r\n\r\n', notHttp],
  ['HTTP/1.2 200 OK\r\n\r\n', notHttp],
  ['HTTP/1.1 20 OK\r\n\r\n', notHttp],
  ['HTTP/1.1 2000 OK\r\n\r\n', notHttp],
  ['HTTP/1.1 600 OK\r\n\r\n', notHttp],
  ['HTTP/1.1  200 OK\r\n\r\n', notHttp],
  ['HTTP/1.1 200 OK\nContent-Length: 1\n\nx', within],
  ['HTTP/1.1 200 OK\r\nA: 1\nB: 2\r\n\r\n', notHttp],
  ['HTTP/1.1 200 OK\r\nA: 1\0\r\n\r\n', notHttp],
  ['HTTP/1.1 200 OK\r\nA : 1\r\n\r\n', notHttp],
  ['HTTP/1.1 200 OK\r\n folded: 1\r\n\r\n', notHttp],
  ['HTTP/1.1 200 OK\r\nA: 1\r\n 2\r\n\r\n', notHttp],
  ['HTTP/1.1 200 OK\r\nno field\r\n\r\n', notHttp],
  ['HTTP/1.1 101 Switching\r\n\r\n', 'it wants to speak another protocol'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc', within],
  ['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', unclear],
  ['HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx', unclear],
  ['HTTP/1.1 200 OK\r\nContent-Length: 1\xa0\r\n\r\nx', unclear],
  ['HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx', unclear],
  ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx', unclear],
  ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', unclear],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', unclear],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    unclear,
  ],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n',
    `${notHttp}: a chunk without a size`,
  ],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n',
    `${notHttp}: a chunk without a size`,
  ],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n123456789\r\n',
    `${notHttp}: a chunk without a size`,
  ],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n',
    `${notHttp}: a chunk that does not end where it said`,
  ],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n', within],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n', within],
]

describe('an answer is read as RFC 9112 says, or not at all', () => {
  it.each(good)('%j', (wire, status, body) => expect(read([octet(wire)])).toEqual({ status, body }))
  it.each(bad)('%j', (wire, failed) => expect(read([octet(wire)])).toEqual({ failed }))
})

describe('however it is cut, it is the same', () => {
  const wires = [...good, ...bad].map(([wire]) => wire)
  it.each(wires)('%j at each place', (wire) => {
    const whole = read([octet(wire)])
    for (const places of plainCuts(wire)) expect(read(cut(octet(wire), places))).toEqual(whole)
  })
  it('at any places', () => {
    fc.assert(
      fc.property(fc.constantFrom(...wires), cuts, (wire, places) => {
        expect(read(cut(octet(wire), places))).toEqual(read([octet(wire)]))
      }),
    )
  })
})

describe('fields', () => {
  it('have their value where the server has sent them once, by their name in small letters', () => {
    const reader = new HttpAnswerReader(limit)
    reader.push(octet('HTTP/1.1 200 OK\r\nServer: rspamd/3.4 \r\nX: 1\r\nx: 2\r\n\r\n'))
    reader.end()
    const { field } = reader.answer ?? {}
    expect([field?.('server'), field?.('x'), field?.('y')]).toEqual([
      'rspamd/3.4',
      undefined,
      undefined,
    ])
  })
})

/** As large as may be, and one octet more. */
describe('a limit is a failure, and no octet less is', () => {
  const tooLong = `its answer has more than ${limit} octets`
  const headOf = (octets: number): string => {
    const head = 'HTTP/1.1 204 x\r\nX: '
    return `${head}${'x'.repeat(octets - head.length - 4)}\r\n\r\n`
  }
  const before = 'HTTP/1.1 100 Continue\r\n\r\n'
  const chunked = 'HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n'
  const lineOf = (octets: number): string => `1;${'x'.repeat(octets - 4)}\r\nx\r\n0\r\n\r\n`
  const chunks = (octets: number): string => `1\r\nx\r\n`.repeat(octets)
  const trailer = (octets: number): string =>
    `${chunked}0\r\nX: ${'x'.repeat(octets - chunked.length - 7)}\r\n\r\n`
  it.each<[string, string, string, string]>([
    [
      'answerLimitBytes, as its length says',
      `HTTP/1.1 200 x\r\nContent-Length: ${limit}\r\n\r\n${'x'.repeat(limit)}`,
      `HTTP/1.1 200 x\r\nContent-Length: ${limit + 1}\r\n\r\n`,
      tooLong,
    ],
    [
      'answerLimitBytes, up to the end',
      `HTTP/1.1 200 x\r\n\r\n${'x'.repeat(limit)}`,
      `HTTP/1.1 200 x\r\n\r\n${'x'.repeat(limit + 1)}`,
      tooLong,
    ],
    [
      'answerLimitBytes, in chunks',
      `${chunked}${chunks(limit)}0\r\n\r\n`,
      `${chunked}${chunks(limit + 1)}`,
      tooLong,
    ],
    [
      'maxHeadBytes',
      headOf(maxHeadBytes),
      headOf(maxHeadBytes + 1),
      `the head of its answer has more than ${maxHeadBytes} octets`,
    ],
    [
      'maxHeadBytes, with what comes before the answer',
      before + headOf(maxHeadBytes - before.length),
      before + headOf(maxHeadBytes - before.length + 1),
      `the head of its answer has more than ${maxHeadBytes} octets`,
    ],
    [
      'maxHeadBytes, with trailers',
      trailer(maxHeadBytes),
      trailer(maxHeadBytes + 1),
      `the head of its answer has more than ${maxHeadBytes} octets`,
    ],
    [
      'maxChunkLineBytes',
      chunked + lineOf(maxChunkLineBytes),
      chunked + lineOf(maxChunkLineBytes + 1),
      `${notHttp}: a chunk without a size`,
    ],
  ])('%s', (_name, enough, tooMuch, failed) => {
    for (const wire of [enough, tooMuch]) {
      const single = Array.from(wire, (octets) => octet(octets))
      expect(read(single)).toEqual(read([octet(wire)]))
    }
    expect(read([octet(enough)])).not.toHaveProperty('failed')
    expect(read([octet(tooMuch)])).toEqual({ failed })
  })
})

test('an answer in single octets costs no more than a few times as much as in one piece', () => {
  // What is copied: each octet that is put behind others, and what is moved when room is made.
  const wire = octet(`HTTP/1.1 200 x\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`)
  const copy = vi.spyOn(Buffer.prototype as Buffer, 'copy')
  const single = Array.from({ length: wire.length }, (_, at) => wire.subarray(at, at + 1))
  expect(read(single, 200_000)).toMatchObject({ status: 200 })
  const copied = copy.mock.results.reduce((sum, { value }) => sum + Number(value), 0)
  copy.mockRestore()
  expect(copied).toBeLessThan(5 * wire.length)
})
