/**
 * A text that comes although DATA was refused, or another command that comes then: what is dropped,
 * and what is never dropped.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Conversation } from '../fuzz/conversation.ts'
import { cut, cuts, octet, plainCuts } from '../smtp/splits.ts'
import { Machine } from '../support/machine.ts'

const unknown = { code: 550, lines: ['5.1.1 Unknown'] } as const
const greylisted = { code: 450, lines: ['4.7.1 Greylisted'] } as const
const dropped = /^554 5\.5\.1 .*dropped$/
const droppedForNow = /^451 4\.5\.1 .*dropped, please try again in 60 seconds; retry=00:01:00$/

/** A machine after a DATA that was refused. */
const refused = {
  'every RCPT refused': () =>
    after({ rcpt: () => unknown }, 'MAIL FROM:<s@x.test>', 'RCPT TO:<a@x.test>', 'DATA'),
  'every RCPT told to wait': () =>
    after({ rcpt: () => greylisted }, 'MAIL FROM:<s@x.test>', 'RCPT TO:<a@x.test>', 'DATA'),
  'one of each': () =>
    after(
      { rcpt: (address) => (address.startsWith('a') ? unknown : greylisted) },
      'MAIL FROM:<s@x.test>',
      'RCPT TO:<a@x.test>',
      'RCPT TO:<b@x.test>',
      'DATA',
    ),
  'MAIL refused': () =>
    after({ mail: () => unknown }, 'MAIL FROM:<s@x.test>', 'RCPT TO:<a@x.test>', 'DATA'),
  'MAIL refused by us': () => after({}, 'MAIL FROM:<s@x.test> FOO=1', 'RCPT TO:<a@x.test>', 'DATA'),
  'MAIL told to wait': () =>
    after({ mail: () => greylisted }, 'MAIL FROM:<s@x.test>', 'RCPT TO:<a@x.test>', 'DATA'),
  'no RCPT': () => after({}, 'MAIL FROM:<s@x.test>', 'DATA'),
  'no MAIL': () => after({}, 'DATA'),
  'no EHLO': () => {
    const machine = new Machine()
    machine.connect()
    machine.send('DATA')
    return machine
  },
  'a chunk before': () => {
    const machine = after({}, 'MAIL FROM:<s@x.test>', 'RCPT TO:<a@x.test>', 'BDAT 5')
    machine.tell({ kind: 'chunkTaken', bytes: 5 })
    machine.send('DATA')
    return machine
  },
} as const
type Before = keyof typeof refused

function after(
  world: NonNullable<ConstructorParameters<typeof Machine>[0]>['world'],
  ...lines: string[]
): Machine {
  const machine = Machine.ready({ world: world ?? {} })
  machine.send(...lines)
  return machine
}

const drops = (machine: Machine): number =>
  machine.effects.filter((effect) => effect.do === 'dropText').length

describe('what is a text', () => {
  test.each<[Before, RegExp]>([
    ['every RCPT refused', dropped],
    ['every RCPT told to wait', droppedForNow],
    ['one of each', droppedForNow],
    ['MAIL refused', dropped],
    ['MAIL refused by us', dropped],
    ['MAIL told to wait', droppedForNow],
    ['no RCPT', dropped],
    ['no MAIL', dropped],
    ['no EHLO', dropped],
    ['a chunk before', dropped],
  ])('after %s: dropped, and answered once at its end', (before, answer) => {
    const machine = refused[before]()
    expect(machine.send('Received: from x')).toEqual([])
    expect(drops(machine)).toBe(1)
    // the shell would not even hand it over
    expect(machine.send('MAIL FROM:<evil@x.test>')).toEqual([])
    const said = machine.tell({ kind: 'refusedTextEnded' })
    expect(said[0]).toMatch(answer)
    expect(machine.closed).toBe(false)
    expect(machine.transactions.every(({ outcome }) => outcome !== 'accepted')).toBe(true)
  })

  test.each([
    'Subject: hello',
    'From s@x.test Mon Nov 23 2026', // an mbox
    'User-Agent: mutt',
    'Mail: not the verb',
    '',
    ' folded',
    'hello',
    '..',
    '. ',
    '<html>',
    '\xff\xfe',
  ])('%j begins one', (line) => {
    const machine = refused['every RCPT refused']()
    expect(machine.send(line)).toEqual([])
    expect(drops(machine)).toBe(1)
  })

  test('one without a line: the dot alone is answered at once', () => {
    const machine = refused['every RCPT refused']()
    expect(machine.send('.')).toEqual([expect.stringMatching(dropped)])
    expect(drops(machine)).toBe(0)
    expect(machine.send('.')[0]).toMatch(/^500 5\.5\.2/)
  })

  test('what stays open ends with it', () => {
    for (const before of ['no RCPT', 'a chunk before'] as const) {
      const machine = refused[before]()
      machine.send('Subject: hello')
      expect(machine.transactions, before).toMatchObject([{ outcome: 'aborted' }])
      machine.tell({ kind: 'refusedTextEnded' })
      expect(machine.send('MAIL FROM:<s@x.test>')[0], before).toMatch(/^250/)
    }
  })

  test('nothing comes any more: 421, as in any text', () => {
    const machine = refused['no MAIL']()
    machine.send('Subject: hello')
    expect(machine.tell({ kind: 'timedOut' })[0]).toMatch(/^421 4\.4\.2 The text stopped coming/)
  })

  test('counts as an error, so that it can not go on for ever', () => {
    const machine = Machine.ready({
      session: { limits: { recipients: 9, transactionsPerSession: 9, errorsPerSession: 2 } },
    })
    let rounds = 0
    for (; !machine.closed && rounds < 9; rounds++) {
      machine.send('DATA')
      machine.send('.')
    }
    expect(rounds).toBeLessThan(4)
  })
})

describe('the answers are the same, wherever the octets behind a refused DATA are cut', () => {
  function answers(octets: string, at: readonly number[]): string[] {
    const conversation = new Conversation(new Machine({ world: { rcpt: () => unknown } }), () => ({
      kind: 'silent',
    }))
    for (const line of ['EHLO x.test', 'MAIL FROM:<s@x.test>', 'RCPT TO:<a@x.test>', 'DATA'])
      conversation.push(octet(`${line}\r\n`))
    const before = conversation.said.length
    for (const piece of cut(octet(octets), at)) conversation.push(piece)
    return conversation.said.slice(before).map(({ lines }) => lines.join('\n').slice(0, 3))
  }

  test.each<[string, string, string[]]>([
    ['a header field first', 'Subject: x\r\n\r\nhello\r\n.\r\nNOOP\r\n', ['554', '250']],
    ['another line first', 'qN\r\nSubject: x\r\n\r\n.\r\nNOOP\r\n', ['554', '250']],
    ['dots', 'x\r\n..\r\n.x\r\n.\r\nNOOP\r\n.\r\n', ['554', '250', '500']],
    ['the dot alone', '.\r\nNOOP\r\n', ['554', '250']],
    ['stray newlines', 'x\r\na\rb\nc\r\r\n.\n\n.\r\n\r\n.\r\nNOOP\r\n', ['554', '250']],
    ['a line beyond the limit', `x\r\n${'y'.repeat(700)}\r\n.\r\nNOOP\r\n`, ['554', '250']],
    [
      'a command, and then a text',
      'RSET\r\nSubject: x\r\n.\r\nNOOP\r\n',
      ['250', '500', '500', '250'],
    ],
    ['no end', 'x\r\nNOOP\r\n.', []],
  ])('%s', (_, octets, codes) => {
    for (const at of plainCuts(octets))
      expect(answers(octets, at), JSON.stringify(at)).toEqual(codes)
    fc.assert(
      fc.property(cuts, (at) => {
        expect(answers(octets, at)).toEqual(codes)
      }),
    )
  })
})

describe('what is none', () => {
  test.each<[string, string]>([
    ['RSET', '250'],
    ['QUIT', '221'],
    ['NOOP', '250'],
    ['HELP', '214'],
    ['VRFY x', '252'],
    ['EXPN x', '502'],
    ['AUTH PLAIN', '502'],
    ['EHLO again.test', '250'],
    ['MAIL FROM:<next@x.test>', '250'],
    ['mail from:<next@x.test> SIZE=5', '250'],
    ['MAIL FROM:<no address', '501'],
    ['MAIL', '501'],
    ['RCPT TO:<a@x.test>', '503'],
    ['DATA', '503'],
    ['BDAT 0 LAST', '503'],
    ['STARTTLS', '220'],
    ['GET / HTTP/1.1', '521'],
  ])('%s is a command: %s', (line, code) => {
    const machine = refused['every RCPT refused']()
    expect(machine.send(line)[0]?.slice(0, 3)).toBe(code)
    expect(drops(machine)).toBe(0)
  })

  test.each(['RSET', 'EHLO x', 'MAIL FROM:<>', 'RCPT TO:<a@x.test>'])(
    'nothing is, once %s was said',
    (line) => {
      const machine = refused['every RCPT refused']()
      machine.send(line)
      expect(machine.send('Subject: hello')[0]).toMatch(/^500 5\.5\.2/)
    },
  )

  test.each(['NOOP', 'HELP', 'EXPN x', 'MAIL to somebody'])(
    'a text may begin with what looks like "%s"',
    (line) => {
      const machine = refused['every RCPT refused']()
      machine.send(line)
      expect(machine.send('Subject: hello')).toEqual([])
      expect(drops(machine)).toBe(1)
    },
  )

  test('nothing is where DATA was not refused', () => {
    expect(Machine.ready().send('Subject: hello')[0]).toMatch(/^500 5\.5\.2/)
  })

  test('a line that is too long is refused as ever, and the next one decides', () => {
    const machine = refused['every RCPT refused']()
    expect(machine.tell({ kind: 'lineTooLong' })[0]).toMatch(/^500/)
    expect(machine.send('Subject: hello')).toEqual([])
  })
})
