import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { choose, chooseAmong, type Going, type Offered } from '../../src/strategy/choose.ts'

/**
 * `a`, `b`: groups; `A`: never_defer; `!`: the refusal is known; `~`: to let them go first may be in
 * vain; `+`: has the message; `?`: others
 * are still to come before.
 */
const offer = (text: string): Offered[] =>
  text.split(' ').map((word, index) => ({
    index,
    group: word.charAt(0).toLowerCase(),
    neverDefer: /^[A-Z]/.test(word),
    willBeRefused: word.includes('!'),
    hasIt: word.includes('+'),
    inVain: word.split('~').length - 1,
    othersExpected: word.includes('?'),
  }))
const nobody: Going = { kind: 'nobody' }
const group = (name: string): Going => ({ kind: 'group', group: name })
const refused: Going = { kind: 'refused' }

describe('choose', () => {
  const rows: [
    string,
    'group' | 'single',
    'largest' | 'offered',
    Going,
    string,
    number[],
    Going,
  ][] = [
    ['largest', 'group', 'largest', nobody, 'a b b', [1, 2], group('b')],
    ['a tie', 'group', 'largest', nobody, 'a b b a', [0, 3], group('a')],
    ['offered', 'group', 'offered', nobody, 'a b b', [0], group('a')],
    ['who goes stays', 'group', 'largest', group('a'), 'b b a', [2], group('a')],
    ['never_defer first', 'group', 'largest', nobody, 'a a B', [2], group('b')],
    ['never_defer of two groups', 'group', 'largest', nobody, 'A B c', [0, 1], group('a')],
    ['never_defer later', 'group', 'largest', group('a'), 'b C', [1], group('a')],
    ['single', 'single', 'largest', nobody, 'a a b', [0], group('a')],
    ['single, then none', 'single', 'largest', group('a'), 'a a', [], group('a')],
    ['single with never_defer', 'single', 'largest', nobody, 'a B B', [1, 2], group('b')],
    [
      'who has it goes with any group',
      'group',
      'largest',
      nobody,
      'a+ b c+',
      [0, 1, 2],
      group('b'),
    ],
    ['all have it', 'single', 'largest', nobody, 'a+ b+ c!', [0, 1], group('a')],
    ['refused go last', 'group', 'largest', nobody, 'a! b', [1], group('b')],
    [
      'with whom it may be in vain goes last',
      'group',
      'largest',
      nobody,
      'a~ a~ b',
      [2],
      group('b'),
    ],
    ['also where the first one goes', 'group', 'offered', nobody, 'a~ b~~ c', [2], group('c')],
    [
      'with whom it is less in vain goes',
      'group',
      'offered',
      nobody,
      'a~~ b~ b~',
      [1, 2],
      group('b'),
    ],
    ['with all of them it may be in vain', 'group', 'offered', nobody, 'a~ b~', [0], group('a')],
    ['single: another of the group', 'single', 'offered', nobody, 'a~ a', [1], group('a')],
    ['refused alone', 'group', 'largest', nobody, 'a! b!', [0, 1], refused],
    ['refused wait for others', 'group', 'largest', nobody, 'a!? b!?', [], nobody],
    ['some wait, some need not', 'group', 'largest', nobody, 'a!? b!', [1], refused],
    ['refused go on together', 'group', 'largest', refused, 'a!? b', [0], refused],
    [
      'never_defer that will be refused waits too',
      'group',
      'largest',
      nobody,
      'A! b',
      [1],
      group('b'),
    ],
  ]
  test.each(rows.map((row) => ({ name: row[0], row })))(
    '$name',
    ({ row: [, strategy, first, going, batch, through, after] }) => {
      const choice = choose(offer(batch), going, { strategy, first })
      expect(choice.through).toEqual(through)
      expect(choice.going).toEqual(after)
      expect([...choice.through, ...choice.deferred.map(({ index }) => index)].sort()).toEqual(
        offer(batch).map(({ index }) => index),
      )
    },
  )

  test('who need not be weighed is let through as if they had been', () => {
    const one = fc.record({
      group: fc.constantFrom('', 'a', 'b'),
      neverDefer: fc.boolean(),
      willBeRefused: fc.constantFrom(false, false, false, true),
      inVain: fc.constantFrom(0, 0, 1),
      hasIt: fc.constantFrom(false, false, true),
      othersExpected: fc.boolean(),
    })
    const goings = [nobody, refused, group('a'), group('')] as const
    fc.assert(
      fc.property(
        fc.array(one, { maxLength: 4 }),
        fc.constantFrom(...goings),
        fc.constantFrom('group' as const, 'single' as const, 'late' as const),
        fc.constantFrom('largest' as const, 'offered' as const),
        (batch, going, strategy, first) => {
          const offered = batch.map((offer, index) => ({ ...offer, index }))
          const by = { strategy, first }
          expect(choose(offered, going, by)).toEqual(chooseAmong(offered, going, by))
        },
      ),
    )
  })

  test('always: everyone is chosen once, with nobody refused someone goes; strategies.md: “Recipients whose refusal is known already go last, together.”', () => {
    const word = fc
      .tuple(fc.constantFrom('a', 'b', 'A', 'B', 'c'), fc.constantFrom('', '', '!', '!?'))
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 1, maxLength: 8 }),
        fc.constantFrom('group' as const, 'single' as const),
        fc.constantFrom('largest' as const, 'offered' as const),
        (words, strategy, first) => {
          const batch = offer(words.join(' '))
          const { through, deferred } = choose(batch, nobody, { strategy, first })
          expect([...through, ...deferred.map(({ index }) => index)].sort((a, b) => a - b)).toEqual(
            batch.map(({ index }) => index),
          )
          if (batch.some((one) => !one.willBeRefused)) expect(through.length).toBeGreaterThan(0)
          const kinds = new Set(through.map((index) => batch[index]?.willBeRefused))
          expect(kinds.size).toBeLessThanOrEqual(1)
          // No delay for never_defer, unless its refusal is known.
          for (const one of batch)
            if (one.neverDefer && !one.willBeRefused) expect(through).toContain(one.index)
        },
      ),
    )
  })
})
