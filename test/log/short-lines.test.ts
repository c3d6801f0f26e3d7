/** `log.format: line`: for people who grep. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { logFromFacts } from '../../src/log/from-facts.ts'
import { createLog } from '../../src/log/log.ts'
import { everyKind, recipient, transaction } from '../metrics/sample-facts.ts'

function linesOf(facts: readonly Fact[], priorities = false): readonly string[] {
  let text = ''
  const log = createLog({
    level: 'debug',
    format: 'line',
    priorities,
    write: (line) => (text += line),
  })
  const listen = logFromFacts(log)
  for (const fact of facts) listen(fact)
  expect(text === '' || text.endsWith('\n')).toBe(true)
  return text.split('\n').slice(0, -1)
}

const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
const unfit = /[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/

/** What a reader makes of a line again. */
const fieldsOf = (line: string): ReadonlyMap<string, string> =>
  new Map(
    line
      .split(' ')
      .slice(2)
      .map((field): [string, string] => {
        const at = field.indexOf('=')
        const value = field.slice(at + 1)
        return [
          field.slice(0, at),
          value.replace(/\\(?:\\|u([0-9a-f]{4}))/g, (_, code?: string) =>
            code === undefined ? '\\' : String.fromCharCode(parseInt(code, 16)),
          ),
        ]
      }),
  )

test('log.md: “It writes one short line for each recipient.”', () => {
  const [first = '', second = '', ...more] = linesOf([
    transaction({
      reversePath: 'shop@sender.example',
      messageId: '<42@sender.example>',
      split: 'ABCDEFGHIJKLMNOP',
      recipients: [
        recipient('ann@example.org', {
          verdict: 'tag',
          reason: { because: 'tag_at', score: 9.5, threshold: 6 },
          reply: '250 2.0.0 Ok',
        }),
        recipient('cho@example.org', {
          fate: 'deferred',
          verdict: 'reject',
          reason: {
            because: 'shared reply',
            overrules: { because: 'reject_at', score: 9.5, threshold: 8 },
          },
          reply: '451 4.5.3 later',
        }),
      ],
    }),
  ])
  expect(more).toEqual([])
  expect(first).toMatch(
    new RegExp(
      `^${time} \\S+ to=ann@example\\.org outcome=accepted code=250 verdict=tag reason=tag_at score=9\\.5 from=shop@sender\\.example client=192\\.0\\.2\\.1 message-id=<42@sender\\.example> split=ABCDEFGHIJKLMNOP$`,
    ),
  )
  expect(second).toContain('to=cho@example.org outcome=deferred code=451 verdict=reject')
  expect(second).toContain('reason=shared-reply score=9.5')
})

test('log.md: “With `mode: observe` each recipient of a line `messageObserved` has a short line, too”', () => {
  const observed = everyKind.filter(({ kind }) => kind === 'messageObserved')
  const lines = linesOf(observed)
  expect(lines.map((line) => line.replace(/^\S+ /, ''))).toEqual([
    'S1.1 to=a@example.org outcome=observed code=250 verdict=tag reason=tag_at score=9 divided=true message-id=<1@example.net>',
    'S1.1 to=b@example.org outcome=observed code=250 verdict=reject reason=reject_at score=9 divided=true message-id=<1@example.net>',
  ])
  expect(fieldsOf(lines[0] ?? '').get('verdict')).toBe('tag')
})

test('a transaction without recipients has one line; of a report the sender is <>', () => {
  const [line = '', ...more] = linesOf([
    transaction({ recipients: [], reversePath: '', outcome: 'aborted' }),
  ])
  expect(more).toEqual([])
  expect(line).toContain('outcome=aborted')
  expect(line).toContain('from=<>')
})

test('of more than a hundred recipients the last line says how many are left out', () => {
  const recipients = Array.from({ length: 130 }, (_, i) => recipient(`r${i}@example.org`))
  const lines = linesOf([transaction({ recipients })])
  expect(lines).toHaveLength(101)
  expect(lines.at(-1)).toContain('left-out=30')
})

describe('log.md: “A blank or a backslash in a value is spelled out, so nobody outside can write a field of their own.”', () => {
  const said = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('a outcome=accepted b', '"x\\ y"@example.org', '\\u0020', 'é\u202e\u2028\r\n'),
  )

  test('each line splits at blanks into its fields, and each value is what was said', () => {
    fc.assert(
      fc.property(said, said, said, (to, from, messageId) => {
        fc.pre([to, from, messageId].every((text) => text !== '' && text.isWellFormed()))
        const [line = '', ...more] = linesOf([
          transaction({
            reversePath: from,
            messageId,
            recipients: [recipient(to, { reply: '550 5.7.1 no' })],
          }),
        ])
        expect(more).toEqual([])
        expect(line).not.toMatch(unfit)
        const fields = fieldsOf(line)
        expect(fields.get('outcome')).toBe('refused')
        expect(fields.get('to')).toBe(to)
        expect(fields.get('from')).toBe(from)
        expect(fields.get('message-id')).toBe(messageId)
      }),
    )
  })

  test('a line is bounded, whatever is said', () => {
    const long = 'x\u0000'.repeat(100_000)
    const [line = ''] = linesOf([
      transaction({
        reversePath: long,
        messageId: long,
        recipients: [recipient(long, { reply: long })],
      }),
    ])
    expect(line.length).toBeLessThan(10_000)
  })
})

/** They have a line a recipient. */
const ofRecipients: ReadonlySet<string> = new Set(['transactionEnded', 'messageObserved'])

test('every other event is one line: time, transaction, level, event, fields, and words', () => {
  for (const fact of everyKind.filter(({ kind }) => !ofRecipients.has(kind))) {
    for (const line of linesOf([fact])) {
      expect(line).toMatch(new RegExp(`^${time} \\S+ (?:debug|info|warn|error) \\S+( |$)`))
      expect(line).not.toMatch(unfit)
    }
  }
})

test('log.md: “<3> stands for an error, <4> for a warning, <6> for info and <7> for debug.”', () => {
  const levels = { error: '<3>', warn: '<4>', info: '<6>', debug: '<7>' } as const
  let text = ''
  const log = createLog({
    level: 'debug',
    format: 'json',
    priorities: true,
    write: (line) => (text += line),
  })
  for (const level of ['error', 'warn', 'info', 'debug'] as const) {
    text = ''
    log[level]({ event: 'e' }, 'told\n<0>forged')
    expect(text.startsWith(`${levels[level]}{`)).toBe(true)
    expect(text.split('\n')).toHaveLength(2)
  }
  const recipients = [recipient('a@example.org'), recipient('b@example.org')]
  for (const line of linesOf([transaction({ recipients })], true)) expect(line).toMatch(/^<6>\d/)
})
