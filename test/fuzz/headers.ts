/**
 * Header sections: the judge that reads them, what tells messages apart, and the fields that we put
 * in front.
 */
import { headersJudge } from '../../src/judge/headers.ts'
import type { Judgement } from '../../src/verdict/judgement.ts'
import { type ScoreField, scoreFields } from '../../src/judge/score-field.ts'
import { createFingerprint } from '../../src/split/fingerprint.ts'
import { receivedField, tagFields, type WrittenField } from '../../src/smtp/headers.ts'
import { onlookerOf } from '../judge/envelope.ts'
import type { Random } from '../support/random.ts'
import { type Fuzzer, holds, same } from './fuzzer.ts'
import { anything, cutAnywhere, mailbox, octetsOf, perhapsSpoiled } from './octets.ts'

const fields = [
  'From: <a@x.test>',
  'To: b@example.org,\r\n\tc@example.org',
  'Subject: x',
  'Subject : x',
  'Date: Mon, 1 Jan 2026 00:00:00 +0000',
  'Message-ID: <1@x.test>',
  'message-id:\r\n <2@x.test>',
  'Received: from x\r\n\tby y; date',
  'X-Spam-Score: 9.5',
  'X-Spam-Score: -1',
  'x-spam-score:\r\n 7',
  'X-Spam-Status: Yes, score=12.3 required=5',
  'X-Spam-Level: *****',
  'X-Spamd-Result: default: False [9.10 / 15.00];\r\n\tFOO(1.00)[x]',
  'X-Spam-Score: 99999999999',
  'X-Spam-Status: hits=\r\n\tscore=3',
  ' folded without a field',
  'no field',
  'From someone',
  '--boundary',
  'Content-Type: multipart/mixed; boundary="b"',
] as const
const bodies = [
  '',
  'hello\r\n',
  '--b\r\nx\r\n--b--\r\n',
  '.\r\n',
  'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n',
] as const

function judged(chunks: readonly Buffer[], field: ScoreField): Judgement {
  const judging = onlookerOf(headersJudge({ field, believes: () => true }))
  for (const chunk of chunks) judging.push(chunk)
  return judging.end()
}

function identified(chunks: readonly Buffer[]): unknown {
  const fingerprint = createFingerprint()
  for (const chunk of chunks) fingerprint.push(chunk)
  return fingerprint.end()
}

function once(random: Random): void {
  const head = Array.from(
    { length: random.between(0, 8) },
    () => `${random.pick(fields)}\r\n`,
  ).join('')
  const text = random.chance(0.03)
    ? anything(random, 300)
    : `${perhapsSpoiled(random, head, 0.4)}${random.pick(['\r\n', '\r\n', ''])}${random.pick(bodies)}`
  const octets = octetsOf(text)
  const field = random.pick(scoreFields)
  const judgement = judged([octets], field)
  same(
    judged(cutAnywhere(random, octets), field),
    judgement,
    'wherever it is cut, it is judged the same',
    text,
  )
  holds(judgement.kind !== 'judged' || Number.isFinite(judgement.score), 'a score is a number', {
    text,
    judgement,
  })
  same(
    identified(cutAnywhere(random, octets)),
    identified([octets]),
    'wherever it is cut, it is the same message',
    text,
  )
  added(random)
}

const written = (fields: readonly WrittenField[]): string =>
  fields.map(({ name, value }) => `${name}:${value}\r\n`).join('')

/** Whatever a client says of itself or an address is, our fields are so many lines and no more. */
function added(random: Random): void {
  const hostile = (): string =>
    random.chance(0.5) ? anything(random, 40) : perhapsSpoiled(random, mailbox(random))
  const trace = {
    helo: hostile(),
    address: '192.0.2.1',
    hostname: 'mx.test',
    protocol: 'ESMTP',
    id: 'x',
    date: 'now',
  }
  const received = written([receivedField(trace)])
  holds(
    /^Received: [^\r\n]*\r\n\t[^\r\n]*\r\n\t[^\r\n]*\r\n$/.test(received),
    'a Received field is one field',
    {
      trace,
      received,
    },
  )
  const recipients = Array.from({ length: random.between(0, 3) }, hostile)
  const tag = written(
    tagFields({
      verdict: random.pick(['tag', 'quarantine']),
      score: random.next() * 40 - 10,
      recipients,
    }),
  )
  const lines = tag.split('\r\n')
  holds(lines.pop() === '' && lines.length === 3 + recipients.length, 'a copy has so many fields', {
    recipients,
    tag,
  })
  for (const line of lines)
    holds(/^X-[A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*$/.test(line), 'each is a field', {
      recipients,
      line,
    })
}

export const headers: Fuzzer = { name: 'headers', once }
