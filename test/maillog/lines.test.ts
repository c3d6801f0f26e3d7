/** What each form of line tells, of programs that the labs know (test/interop/replay has them live). */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LogLines } from '../../src/maillog/log-line.ts'
import { runs } from '../support/properties.ts'

const now = Date.parse('2026-12-01T00:00:00Z')
const at = new Date(2026, 10, 30, 10, 3, 15).getTime()
const read = (line: string) => new LogLines(now).read(line)
const client = { address: '192.0.2.1', rdns: 'mail.example.net' }

describe('Postfix', () => {
  const told: readonly (readonly [string, unknown])[] = [
    [
      'postfix/smtpd[1479]: 18B0E40E45E: client=mail.example.net[192.0.2.1]',
      { kind: 'client', id: '18B0E40E45E', client },
    ],
    [
      'postfix/smtpd[1479]: 18B0E40E45E: client=unknown[IPv6:2001:db8::1]',
      { kind: 'client', id: '18B0E40E45E', client: { address: '2001:db8::1' } },
    ],
    [
      'postfix/submission/smtpd[1]: 4XyZ9k1mJ0z1: client=mail.example.net[192.0.2.1], sasl_method=PLAIN, sasl_username=anna',
      { kind: 'client', id: '4XyZ9k1mJ0z1', client: { ...client, own: true } },
    ],
    [
      'postfix/smtpd[1]: 18B0E40E45E: client=localhost[127.0.0.1], orig_queue_id=5E87B40E46B, orig_client=mail.example.net[192.0.2.1]',
      {
        kind: 'client',
        id: '18B0E40E45E',
        client: { address: '127.0.0.1', rdns: 'localhost', own: true },
      },
    ],
    [
      'postfix/cleanup[1482]: 18B0E40E45E: message-id=<m3@x>',
      { kind: 'message id', id: '18B0E40E45E', messageId: 'm3@x' },
    ],
    [
      'postfix/qmgr[1477]: 18B0E40E45E: from=<sender@client.test>, size=493, nrcpt=6 (queue active)',
      {
        kind: 'envelope',
        id: '18B0E40E45E',
        sender: 'sender@client.test',
        sizeBytes: 493,
        count: 6,
      },
    ],
    [
      'postfix/qmgr[1477]: 18B0E40E45E: from=<>, size=493, nrcpt=1 (queue active)',
      { kind: 'envelope', id: '18B0E40E45E', sender: '', sizeBytes: 493, count: 1 },
    ],
    ['postfix/qmgr[1477]: 18B0E40E45E: removed', { kind: 'done', id: '18B0E40E45E' }],
    ['postfix/qmgr[1]: 18B0E40E45E: from=<a@x>, status=expired, returned to sender', undefined],
    ...['virtual', 'lmtp', 'smtp', 'local', 'pipe', 'error', 'relay/smtp'].map(
      (agent) =>
        [
          `postfix/${agent}[1]: 18B0E40E45E: to=<a@example.org>, relay=x[127.0.0.1]:24, delay=0.3, delays=0.2/0/0/0.1, dsn=2.0.0, status=sent (250 Ok)`,
          { kind: 'recipient', id: '18B0E40E45E', address: 'a@example.org' },
        ] as const,
    ),
    [
      'postfix/local[1]: 18B0E40E45E: to=<anna@mx.example.org>, orig_to=<info@example.org>, relay=local, delay=1, delays=1/0/0/0, dsn=4.2.0, status=deferred (full)',
      { kind: 'recipient', id: '18B0E40E45E', address: 'info@example.org' },
    ],
    [
      'postfix/cleanup[1482]: 69B4E40E48C: milter-reject: END-OF-MESSAGE from mail.example.net[192.0.2.1]: 5.7.1 Spam message rejected; from=<s@x> to=<b@example.org> proto=ESMTP helo=<client.test>',
      {
        kind: 'not taken',
        id: '69B4E40E48C',
        answer: 'refused',
        client,
        sender: 's@x',
        recipient: 'b@example.org',
      },
    ],
    [
      'postfix/cleanup[1482]: 69B4E40E48C: milter-reject: END-OF-MESSAGE from mail.example.net[192.0.2.1]: 4.7.1 Try again later; from=<> to=<b@example.org> proto=ESMTP helo=<client.test>',
      {
        kind: 'not taken',
        id: '69B4E40E48C',
        answer: 'deferred',
        client,
        sender: '',
        recipient: 'b@example.org',
      },
    ],
    [
      'postfix/cleanup[1]: 69B4E40E48C: reject: header Subject: x; from=<evil@y> to=<z@z> from mail.example.net[192.0.2.1]; from=<s@x> to=<b@example.org> proto=ESMTP helo=<h>: 5.7.1 No',
      {
        kind: 'not taken',
        id: '69B4E40E48C',
        answer: 'refused',
        sender: 's@x',
        recipient: 'b@example.org',
      },
    ],
    [
      'postfix/smtpd[1]: NOQUEUE: reject: RCPT from mail.example.net[192.0.2.1]: 450 4.2.0 <b@example.org>: Recipient address rejected: Greylisted; from=<s@x> to=<b@example.org> proto=ESMTP helo=<h>',
      { kind: 'put off', client, sender: 's@x', recipient: 'b@example.org' },
    ],
    [
      'postfix/smtpd[1]: NOQUEUE: reject: RCPT from mail.example.net[192.0.2.1]: 550 5.1.1 <b@example.org>: User unknown; from=<s@x> to=<b@example.org> proto=ESMTP helo=<h>',
      undefined,
    ],
    ['postfix/smtpd[1479]: connect from unknown[127.0.0.1]', undefined],
    ['postfix/smtpd[1479]: 18B0E40E45E: client=nonsense', 'unreadable'],
    ['postfix/qmgr[1]: 18B0E40E45E: from=<a@x>, size=many, nrcpt=1 (queue active)', 'unreadable'],
    ['postfix/lmtp[1]: 18B0E40E45E: to=<a@example.org>, relay=none', 'unreadable'],
  ]
  test.each(told)('%s', (text, seen) => {
    expect(read(`Nov 30 10:03:15 mx ${text}`)).toEqual({ at, seen })
  })

  test('another syslog_name and a line of the journal are read too', () => {
    const line = 'mx postfix-in/qmgr[1477]: 18B0E40E45E: removed'
    expect(read(`2026-11-30T10:03:15.123456+00:00 ${line}`)).toEqual({
      at: Date.UTC(2026, 10, 30, 10, 3, 15, 123),
      seen: { kind: 'done', id: '18B0E40E45E' },
    })
  })
})

describe('Exim', () => {
  const id = '1xXyEA-0000OJ-2L'
  const envelope = { kind: 'envelope', id, sender: 's@client.test', sizeBytes: 473 }
  const told: readonly (readonly [string, unknown])[] = [
    [
      `${id} <= s@client.test H=(client.test) [192.0.2.1] P=esmtp S=473 id=gk1@lab.test`,
      {
        ...envelope,
        messageId: 'gk1@lab.test',
        client: { address: '192.0.2.1', helo: 'client.test' },
      },
    ],
    [
      `${id} <= s@client.test H=mail.example.net (helo.x) [192.0.2.1]:4025 P=esmtpsa X=TLS1.3 A=plain:anna S=473 id=gk1@lab.test T="to for S=9 id=x" for a@x b@x`,
      {
        ...envelope,
        messageId: 'gk1@lab.test',
        client: { address: '192.0.2.1', rdns: 'mail.example.net', helo: 'helo.x', own: true },
        recipients: ['a@x', 'b@x'],
        count: 2,
      },
    ],
    [
      `${id} <= s@client.test H=([192.0.2.9]) [192.0.2.1] P=smtp S=473`,
      { ...envelope, client: { address: '192.0.2.1', helo: '[192.0.2.9]' } },
    ],
    [`${id} <= <> R=1xXyEA-0000OJ-2K U=Debian-exim P=local S=473`, { ...envelope, sender: '' }],
    [
      `${id} => strict1 <strict1@example.org> R=mailboxes T=maildir`,
      { kind: 'recipient', id, address: 'strict1@example.org' },
    ],
    [
      `${id} -> anna@else.org (list@example.org) <info@example.org> R=smart T=smtp H=h [127.0.0.1] C="250 OK"`,
      { kind: 'recipient', id, address: 'info@example.org' },
    ],
    [
      `${id} ** a@example.org R=smart T=smtp: SMTP error <b@y>`,
      { kind: 'recipient', id, address: 'a@example.org' },
    ],
    [
      `${id} == a@example.org R=smart T=smtp defer (111): Connection refused`,
      { kind: 'recipient', id, address: 'a@example.org' },
    ],
    [`${id} ** a@example.org: Unrouteable`, { kind: 'recipient', id, address: 'a@example.org' }],
    [`${id} Completed`, { kind: 'done', id }],
    [
      `${id} H=(c) [192.0.2.1] F=<s@x> rejected after DATA: This message scored 12.3 spam points.`,
      {
        kind: 'not taken',
        id,
        answer: 'refused',
        sender: 's@x',
        client: { address: '192.0.2.1', helo: 'c' },
        score: { scanner: 'spamd', score: 12.3, symbols: [] },
      },
    ],
    [
      `${id} H=(c) [192.0.2.1] F=<s@x> temporarily rejected after DATA: later`,
      {
        kind: 'not taken',
        id,
        answer: 'deferred',
        sender: 's@x',
        client: { address: '192.0.2.1', helo: 'c' },
      },
    ],
    [
      `${id} H=(c) [192.0.2.1] Warning: This message scored 3.4 spam points.`,
      { kind: 'judged', queueId: id, score: { scanner: 'spamd', score: 3.4, symbols: [] } },
    ],
    [
      'H=(c) [192.0.2.1] F=<s@x> temporarily rejected RCPT <a@example.org>: greylisted',
      {
        kind: 'put off',
        client: { address: '192.0.2.1', helo: 'c' },
        sender: 's@x',
        recipient: 'a@example.org',
      },
    ],
    ['Start queue run: pid=1505', undefined],
    ['exim 4.96 daemon started: pid=1504, -q1s, listening for SMTP on [127.0.0.1]:25', undefined],
    [`${id} <= s@client.test H=(c) [192.0.2.1] P=smtp`, 'unreadable'],
    [`${id} => nobody R=x T=y`, 'unreadable'],
  ]
  test.each(told)('%s', (text, seen) => {
    expect(read(`2026-11-30 10:03:15 ${text}`)).toEqual({ at, seen })
  })

  test('the longer ids of later versions, with a zone, and through syslog', () => {
    const longer = '1xXyEA-00000000OJ-2L00x'
    const seen = { kind: 'done', id: longer }
    expect(read(`2026-11-30 10:03:15.250 +0100 ${longer} Completed`)).toEqual({
      at: Date.UTC(2026, 10, 30, 9, 3, 15, 250),
      seen,
    })
    expect(read(`Nov 30 10:03:15 mx exim[7]: ${longer} Completed`).seen).toEqual(seen)
    expect(
      read(`Nov 30 10:03:15 mx exim[7]: 2026-11-30 10:03:15 ${longer} Completed`).seen,
    ).toEqual(seen)
  })
})

describe('rspamd', () => {
  const line = (result: string, rcpts = 'a@x,b@x'): string =>
    `#1466(rspamd_proxy) <0746c0>; proxy; rspamd_task_write_log: id: <m3@x>, qid: <18B0E40E45E>, ip: 192.0.2.1, from: <s@x>, ${result}, len: 306, time: 224.704ms, dns req: 0, digest: <3af1> rcpts: <${rcpts}>,  mime_rcpt: <c@x>, `
  const envelope = {
    kind: 'judged',
    messageId: 'm3@x',
    queueId: '18B0E40E45E',
    client: { address: '192.0.2.1' },
    sender: 's@x',
    sizeBytes: 306,
    recipients: { known: ['a@x', 'b@x'], whole: true },
  }
  const told: readonly (readonly [string, unknown])[] = [
    [
      line('(default: F (no action): [-3.25/15.00] [ONE(-3.00){a;[b];c(},TWO(-0.25){}])'),
      { ...envelope, score: { scanner: 'rspamd', score: -3.25, symbols: ['ONE', 'TWO'] } },
    ],
    [
      line('(default: T (reject): [20.00/15.00] [])', 'a@x,...'),
      {
        ...envelope,
        score: { scanner: 'rspamd', score: 20, symbols: [] },
        recipients: { known: ['a@x'], whole: false },
      },
    ],
    [
      line('(default: T (reject): [2.00/15.00] [GTUBE(0.00){}])'),
      {
        ...envelope,
        score: { scanner: 'rspamd', score: 2, symbols: ['GTUBE'], forced: 'reject' },
      },
    ],
    [
      line('(default: F (soft reject): [nan/15.00] [])'),
      { ...envelope, score: { scanner: 'rspamd', symbols: [], forced: 'defer' } },
    ],
  ]
  test.each(told)('%s', (text, seen) => {
    expect(read(`2026-11-30 10:03:15 ${text}`)).toEqual({ at, seen })
    const syslogged = text.slice(text.indexOf('<0746c0>'))
    expect(read(`Nov 30 10:03:15 mx rspamd[1466]: ${syslogged}`)).toEqual({ at, seen })
  })

  test('a line that says less than it should can’t be read', () => {
    const cut = line('(default: F (no action): [3.00/15.00] [ONE(3.00){}])').slice(0, 160)
    expect(read(`2026-11-30 10:03:15 ${cut}`)).toEqual({ at, seen: 'unreadable' })
  })
})

describe('spamd', () => {
  const result =
    'spamd: result: Y 12 - ONE,TWO scantime=0.1,size=473,user=x,uid=1,required_score=5.0,rhost=::1,raddr=::1,rport=4,mid=<m3@x>,autolearn=no'

  test('the whole score stands in the line before, of the same process', () => {
    const lines = new LogLines(now)
    const mx = 'Nov 30 10:03:15 mx spamd'
    expect(
      lines.read(`${mx}[7]: spamd: identified spam (12.3/5.0) for x:1 in 0.1 seconds, 473 bytes.`),
    ).toEqual({ at, seen: undefined })
    lines.read(`${mx}[8]: spamd: clean message (1.5/5.0) for x:1 in 0.1 seconds, 473 bytes.`)
    expect(lines.read(`${mx}[7]: ${result}`)).toEqual({
      at,
      seen: {
        kind: 'judged',
        messageId: 'm3@x',
        score: { scanner: 'spamd', score: 12.3, symbols: ['ONE', 'TWO'] },
      },
    })
  })

  test.each(['Nov 30 10:03:15.139 [7] info: ', 'Mon Nov 30 10:03:15 2026 [7] info: '])(
    'its own log: %s',
    (front) => {
      const { seen } = read(`${front}${result}`)
      expect(seen).toMatchObject({ messageId: 'm3@x', score: { score: 12 } })
    },
  )
})

describe('times', () => {
  test('a time without a year is of the last twelve months', () => {
    const january = new LogLines(new Date(2026, 0, 2).getTime())
    expect(january.read('Dec 31 23:59:59 mx x: y').at).toBe(
      new Date(2025, 11, 31, 23, 59, 59).getTime(),
    )
    expect(january.read('Jan  1 00:00:00 mx x: y').at).toBe(new Date(2026, 0, 1).getTime())
  })

  test.each(['', '   ', '\r'])('a line with nothing in it tells nothing', (line) => {
    expect(read(line)).toEqual({ at: undefined, seen: undefined })
  })

  test.each(['no time', 'Xyz 30 10:03:15 mx a: b', '2026-13', '{"not":"ours"}', '{'])(
    '%s can’t be read',
    (line) => {
      expect(read(line)).toEqual({ at: undefined, seen: 'unreadable' })
    },
  )
})

const fronts = [
  '',
  'Nov 30 10:03:15 mx postfix/smtpd[1]: 18B0E40E45E: ',
  'Nov 30 10:03:15 mx postfix/cleanup[1]: 18B0E40E45E: milter-reject: END-OF-MESSAGE from ',
  'Nov 30 10:03:15 mx postfix/qmgr[1]: 18B0E40E45E: from=<',
  'Nov 30 10:03:15 mx postfix/lmtp[1]: 18B0E40E45E: to=<',
  '2026-11-30 10:03:15 1xXyEA-0000OJ-2L <= ',
  '2026-11-30 10:03:15 1xXyEA-0000OJ-2L => ',
  '2026-11-30 10:03:15 #1(x) <a>; proxy; rspamd_task_write_log: id: <',
  'Nov 30 10:03:15 mx spamd[1]: spamd: result: ',
  '{"event":"transactionEnded","time":"2026-11-30T10:03:15Z",',
]
const octets = fc
  .uint8Array({ maxLength: 300 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'))
const pieces = fc.array(
  fc.constantFrom(
    ...['>', '<', ', ', ': ', '[', ']', '(', ')', '{', '}', ' H=', ' F=<', '; from=<', ' to=<'],
    ...['size=', 'status=', 'nrcpt=', ' for ', 'len: ', 'rcpts: <', 'id: <', ' - ', 'mid=<', 'a@x'],
    ...['(default: F (', 'rejected after DATA', 'client=', 'message-id=<', '"recipients":[', '1'],
  ),
  { maxLength: 40 },
)

test('no line makes a reader throw', () => {
  const rest = fc.oneof(
    octets,
    pieces.map((all) => all.join('')),
  )
  fc.assert(
    fc.property(fc.constantFrom(...fronts), rest, (front, text) => {
      const { seen } = read(front + text)
      expect(seen === undefined || seen === 'unreadable' || 'kind' in seen).toBe(true)
    }),
    { numRuns: runs(5000) },
  )
})
