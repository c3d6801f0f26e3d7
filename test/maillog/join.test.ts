/** Which lines make one message. */
import { describe, expect, test } from 'vitest'
import { Join, mostOpen, mostScores, scoreWithinMs } from '../../src/maillog/join.ts'
import { LogLines } from '../../src/maillog/log-line.ts'
import type { PastMessage } from '../../src/maillog/sighting.ts'

/** What comes of lines, each of a second of its own unless it stands in one with the one before. */
function messagesOf(lines: readonly string[]): {
  readonly told: readonly PastMessage[]
  readonly unfinished: number
} {
  const told: PastMessage[] = []
  const join = new Join((message) => told.push(message))
  const reader = new LogLines(Date.UTC(2026, 11, 1))
  for (const line of lines) {
    const { at = 0, seen } = reader.read(line)
    if (seen === 'unreadable') throw new Error(line)
    if (seen !== undefined) join.take(at, seen)
  }
  join.end()
  return { told, unfinished: join.counts.unfinished }
}

const time = (second: number): string =>
  new Date(Date.UTC(2026, 10, 30) + second * 1000).toISOString()
const postfix = (second: number, program: string, text: string): string =>
  `${time(second)} mx postfix/${program}[1]: ${text}`
const rspamd = (second: number, id: string, score: number, rcpts: string): string =>
  `${time(second)} mx rspamd[1]: <a>; proxy; rspamd_task_write_log: id: <${id}@x>, qid: <${id}>, ip: 192.0.2.1, from: <s@x>, (default: F (no action): [${score}/15.00] [ONE(1.00){}]), len: 306, time: 1ms, dns req: 0, digest: <3>, rcpts: <${rcpts}>, mime_rcpts: <c@x>`
const spamd = (second: number, id: string): string =>
  `${time(second)} mx spamd[1]: spamd: result: . 3 - ONE scantime=0.1,size=1,user=x,uid=1,required_score=5.0,rhost=::1,raddr=::1,rport=4,mid=<${id}@x>,autolearn=no`

const begins = (second: number, id: string, count = 2): readonly string[] => [
  postfix(second, 'smtpd', `${id}: client=unknown[192.0.2.1]`),
  postfix(second, 'cleanup', `${id}: message-id=<${id}@x>`),
  postfix(second, 'qmgr', `${id}: from=<s@x>, size=400, nrcpt=${count} (queue active)`),
]
const goesTo = (second: number, id: string, address: string): string =>
  postfix(second, 'lmtp', `${id}: to=<${address}>, relay=x, delay=1, status=sent (ok)`)
const removed = (second: number, id: string): string => postfix(second, 'qmgr', `${id}: removed`)

const message = {
  client: { address: '192.0.2.1' },
  sender: 's@x',
  recipients: ['a@x', 'b@x'],
  sizeBytes: 400,
  answer: 'taken',
}
const byRspamd = { scanner: 'rspamd', score: 3, symbols: ['ONE'] }
const bySpamd = { scanner: 'spamd', score: 3, symbols: ['ONE'] }

describe('a message of Postfix', () => {
  test('with the score of rspamd by its queue id, which stands there before', () => {
    const [first = '', second = '', third = ''] = begins(0, 'AAAAA')
    const { told } = messagesOf([
      ...[first, second, rspamd(0, 'AAAAA', 3, 'a@x,b@x'), third],
      ...[goesTo(1, 'AAAAA', 'a@x'), goesTo(1, 'AAAAA', 'b@x'), removed(1, 'AAAAA')],
    ])
    expect(told).toMatchObject([{ ...message, scores: [byRspamd] }])
  })

  test('with that of spamd by its Message-ID, before it or behind it', () => {
    const lines = [...begins(0, 'AAAAA'), goesTo(1, 'AAAAA', 'a@x'), goesTo(1, 'AAAAA', 'b@x')]
    for (const all of [
      [spamd(0, 'AAAAA'), ...lines],
      [...lines, spamd(30, 'AAAAA'), removed(200, 'AAAAA')],
    ])
      expect(messagesOf(all).told).toMatchObject([{ ...message, scores: [bySpamd] }])
  })

  test('with none, where none comes within a minute', () => {
    const late = scoreWithinMs / 1000 + 2
    const { told } = messagesOf([
      ...[...begins(0, 'AAAAA', 1), goesTo(1, 'AAAAA', 'a@x'), ...begins(late, 'BBBBB')],
      rspamd(late, 'AAAAA', 3, 'a@x'),
    ])
    expect(told).toMatchObject([{ recipients: ['a@x'], scores: [] }])
  })

  test('counts once, however often the queue tries again', () => {
    const { told } = messagesOf([
      ...[...begins(0, 'AAAAA'), rspamd(0, 'AAAAA', 3, 'a@x,b@x')],
      ...[goesTo(1, 'AAAAA', 'a@x'), goesTo(1, 'AAAAA', 'b@x')],
      postfix(300, 'qmgr', 'AAAAA: from=<s@x>, size=400, nrcpt=2 (queue active)'),
      ...[goesTo(301, 'AAAAA', 'b@x'), removed(301, 'AAAAA')],
    ])
    expect(told).toHaveLength(1)
  })

  test('and another one with the same short queue id is another message', () => {
    const once = (second: number): readonly string[] => [
      ...[...begins(second, 'AAAAA', 1), rspamd(second, 'AAAAA', 3, 'a@x')],
      ...[goesTo(second, 'AAAAA', 'a@x'), removed(second, 'AAAAA')],
    ]
    expect(messagesOf([...once(0), ...once(100)]).told).toHaveLength(2)
  })

  test('that a milter refuses has the recipients that rspamd tells', () => {
    const [client = '', id = ''] = begins(0, 'AAAAA')
    const refused = postfix(
      1,
      'cleanup',
      'AAAAA: milter-reject: END-OF-MESSAGE from unknown[192.0.2.1]: 5.7.1 no; from=<s@x> to=<b@x> proto=ESMTP helo=<h>',
    )
    const [told] = messagesOf([client, id, rspamd(0, 'AAAAA', 20, 'a@x,b@x'), refused]).told
    expect(told).toMatchObject({ recipients: ['a@x', 'b@x'], answer: 'refused' })
    expect(told?.more).toBeUndefined()
    const [unknown] = messagesOf([client, id, refused]).told
    expect(unknown).toMatchObject({ recipients: ['b@x'], more: true, scores: [] })
  })

  test('of whose end nothing is known is counted, and lines without a beginning are not', () => {
    const { told, unfinished } = messagesOf([
      ...begins(0, 'AAAAA'),
      ...[goesTo(1, 'BBBBB', 'a@x'), removed(1, 'BBBBB')],
    ])
    expect({ told, unfinished }).toEqual({ told: [], unfinished: 1 })
  })
})

test('rspamd alone tells a message too', () => {
  const { told } = messagesOf([
    rspamd(0, 'AAAAA', 3, 'a@x,b@x'),
    rspamd(500, 'BBBBB', 3, 'a@x,...'),
  ])
  expect(told).toMatchObject([
    { ...message, sizeBytes: 306, scores: [byRspamd] },
    { recipients: ['a@x'], more: true },
  ])
})

test('what is kept has a bound: what is longest open goes first', () => {
  const told: PastMessage[] = []
  const join = new Join((one) => told.push(one))
  for (let i = 0; i < mostOpen + 10; i++)
    join.take(0, { kind: 'client', id: `A${i}`, client: { address: '192.0.2.1' } })
  expect(join.counts.unfinished).toBe(10)
  for (let i = 0; i < mostScores + 10; i++)
    join.take(0, {
      kind: 'judged',
      messageId: `m${i}`,
      score: { scanner: 'spamd', score: 1, symbols: [] },
    })
  expect(told).toHaveLength(10)
})
