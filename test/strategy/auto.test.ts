/**
 * The table of docs/strategies.md: what was learned of a sender, and how it is served because of
 * that.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  chooseStrategy,
  delayLesson,
  isVouched,
  type Learned,
  lessonNames,
  type Observations,
} from '../../src/strategy/auto.ts'

const learned = (lessons: Observations): Learned => ({ lessons })

describe('how a sender is served: strategies.md: “table under auto”', () => {
  test.each<[string, Learned | undefined, string, RegExp]>([
    ['a stranger', undefined, 'late', /nothing is known/],
    ['seen, never deferred', learned({ messages: 40 }), 'late', /nothing of it was deferred/],
    [
      'deferred for the first time',
      learned({ messages: 1, deferred: 1 }),
      'late',
      /came back 0 times after 1/,
    ],
    [
      'Postfix: comes back',
      learned({ messages: 90, deferred: 30, returned: 28, within15m: 28 }),
      'late',
      /28 .* 30/,
    ],
    ['slow, but comes', learned({ deferred: 9, returned: 9, later: 9 }), 'late', /came back 9/],
    [
      'several MX names',
      learned({ deferred: 4, returned: 4, elsewhere: 4, within1m: 4 }),
      'late',
      /came back 4/,
    ],
    ['nullmailer, once', learned({ deferred: 2, returned: 1, cutOff: 1 }), 'late', /came back/],
    [
      'nullmailer, again',
      learned({ deferred: 4, returned: 2, cutOff: 2 }),
      'lenient',
      /broke off .* 2 of 4/,
    ],
    [
      'a bad line now and then',
      learned({ deferred: 500, returned: 480, cutOff: 20 }),
      'late',
      /came back 480/,
    ],
    [
      'smtplib: some were never offered again',
      learned({ deferred: 3, returned: 2, missing: 1 }),
      'lenient',
      /1 of 3/,
    ],
    [
      'curl: the whole message failed',
      learned({ deferred: 1, failed: 1 }),
      'lenient',
      /did not come back for 1/,
    ],
    [
      'one loss in many',
      learned({ deferred: 900, returned: 899, missing: 1 }),
      'lenient',
      /1 of 900/,
    ],
    [
      'pinned against what was learned',
      { lessons: { missing: 7 }, pinned: 'late' },
      'late',
      /pinned/,
    ],
    ['pinned, otherwise unknown', { lessons: {}, pinned: 'off' }, 'off', /pinned/],
  ])('%s', (_name, known, strategy, why) => {
    const choice = chooseStrategy(known)
    expect(choice.strategy).toBe(strategy)
    expect(choice.why).toMatch(why)
  })

  test('whom nobody vouches for is served late, whatever is known of the host', () => {
    for (const known of [
      undefined,
      learned({ missing: 9 }),
      { lessons: {}, pinned: 'off' } as const,
    ])
      expect(chooseStrategy(known, false).strategy).toBe('late')
    expect(chooseStrategy(learned({ missing: 1, deferred: 1 }), true).strategy).toBe('lenient')
  })

  test('a lesson of a loss never makes it harder, and a return never makes it lenient', () => {
    const lessons = fc.record(Object.fromEntries(lessonNames.map((name) => [name, fc.nat(1000)])))
    fc.assert(
      fc.property(lessons, (counts: Observations) => {
        const now = chooseStrategy(learned(counts)).strategy
        expect(
          chooseStrategy(learned({ ...counts, missing: (counts.missing ?? 0) + 1 })).strategy,
        ).toBe('lenient')
        const returned = {
          ...counts,
          deferred: (counts.deferred ?? 0) + 1,
          returned: (counts.returned ?? 0) + 1,
        }
        if (now === 'late') expect(chooseStrategy(learned(returned)).strategy).toBe('late')
      }),
    )
  })
})

test.each([
  [0, 'within1m'],
  [60_000, 'within1m'],
  [60_001, 'within5m'],
  [14_400_000, 'within4h'],
  [14_400_001, 'later'],
])('a return after %i ms is counted as %s', (ms, lesson) => expect(delayLesson(ms)).toBe(lesson))

test.each([
  [['R_SPF_ALLOW', 'BAYES_HAM'], true],
  [['SPF_PASS'], true],
  [['DKIM_VALID_AU'], true],
  [['R_DKIM_ALLOW'], true],
  [['R_SPF_SOFTFAIL', 'R_DKIM_REJECT', 'DKIM_SIGNED'], false],
  [[], false],
])("%j vouches, %s: strategies.md: “The judge's symbols do”", (symbols, vouched) =>
  expect(isVouched(symbols)).toBe(vouched),
)
