/** What an HTTP server answers, right and spoiled, in any pieces. */
import { HttpAnswerReader } from '../../src/exchange/http-answer.ts'
import type { Random } from '../support/random.ts'
import { type Fuzzer, holds, same } from './fuzzer.ts'
import { anything, cutAnywhere, octetsOf, perhapsSpoiled } from './octets.ts'

const limit = 300
const statuses = [
  '200 OK',
  '204 x',
  '100 Continue',
  '304',
  '401 Unauthorized',
  '500 ',
  '99',
  '200\tx',
] as const
const fields: readonly string[] = [
  'Server: rspamd/3.4',
  'Content-Type: application/json',
  'Compression: zstd',
  'Connection: close',
  'Connection: keep-alive',
  'X: caf\xe9',
  'Content-Length: 3',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Content-Length : 3',
  ' folded',
]

interface Made {
  readonly wire: string
  readonly body: string
  /** It is an answer with that body, whatever else it says. */
  readonly isSure: boolean
}

function answer(random: Random): Made {
  const body = random.chance(0.05)
    ? 'x'.repeat(random.between(limit - 2, limit + 2))
    : anything(random, 40)
  const [status, more] = [
    random.chance(0.8) ? '200 OK' : random.pick(statuses),
    random.between(0, 3),
  ]
  const said = Array.from({ length: more }, () => random.pick(fields))
  const way = random.between(0, 2)
  if (way === 0) said.push(`Content-Length: ${body.length}`)
  if (way === 1) said.push('Transfer-Encoding: chunked')
  const head = [`HTTP/1.${random.between(0, 1)} ${status}`, ...said, '', ''].join('\r\n')
  const isSure = status === '200 OK' && more === 0
  return { wire: `${head}${way === 1 ? inChunks(random, body) : body}`, body, isSure }
}

function inChunks(random: Random, body: string): string {
  let wire = ''
  for (let at = 0; at < body.length;) {
    const to = Math.min(body.length, at + random.between(1, 20))
    wire += `${(to - at).toString(16)}${random.chance(0.1) ? ';a=b' : ''}\r\n${body.slice(at, to)}\r\n`
    at = to
  }
  return `${wire}0\r\n${random.chance(0.1) ? 'X: y\r\n' : ''}\r\n`
}

function read(chunks: readonly Buffer[]) {
  const reader = new HttpAnswerReader(limit)
  for (const chunk of chunks) reader.push(chunk)
  reader.end()
  const { answer: said, failed } = reader
  return said === undefined
    ? { failed, body: undefined }
    : { status: said.status, body: said.body.toString('latin1'), server: said.field('server') }
}

function once(random: Random): void {
  const { wire, body, isSure } = answer(random)
  const input = random.chance(0.03) ? anything(random, 300) : perhapsSpoiled(random, wire, 0.4)
  const whole = read([octetsOf(input)])
  same(
    read(cutAnywhere(random, octetsOf(input))),
    whole,
    'wherever it is cut, it is the same',
    input,
  )
  if (whole.body !== undefined) {
    holds(whole.status >= 200 && whole.status <= 599, 'a status is one of RFC 9110', input)
    holds(whole.body.length <= limit, 'a body is bounded', input)
    holds(/^HTTP\/1\.[01] [1-5][0-9]{2}(?: |\r\n)/.test(input), 'an answer begins as one', input)
  } else holds((whole.failed ?? '').length > 0, 'what is no answer says why', input)
  if (!isSure || body.length > limit) return
  same(read([octetsOf(wire)]).body, body, 'a body is read as it was written', wire)
}

export const httpAnswers: Fuzzer = { name: 'http-answers', once }
