/** A table of patterns, as `regexp:` reads it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aliasMapValues, policyMapValues } from '../../../src/policy/postfix/map-values.ts'
import { mostRules, RegexpEntries } from '../../../src/policy/postfix/regexp-entries.ts'

const rules = (text: string) =>
  filled(new RegexpEntries(policyMapValues(['strict', 'careful'])), text)

function filled<Found>(entries: RegexpEntries<Found>, text: string): RegexpEntries<Found> {
  for (const [i, line] of text.split('\n').entries()) entries.add(line, i + 1)
  entries.end()
  return entries
}

const nameIn = (text: string, recipient: string): string => {
  const entries = rules(text)
  expect(entries.mistakes).toEqual([])
  const found = entries.lookUp(recipient)
  return found.kind === 'named' ? found.name : found.kind
}

describe('the first pattern that matches counts', () => {
  test.each<[string, string, string]>([
    ['/^ann@/ strict\n/./ careful', 'ANN@example.org', 'strict'],
    ['/^ann@/ strict\n/./ careful', 'joann@example.org', 'careful'],
    ['/^ann@/i strict', 'ANN@example.org', 'unknown'],
    ['/^ann@/ii strict', 'ANN@example.org', 'strict'],
    ['!/@example\\.org$/ strict', 'ann@example.net', 'strict'],
    ['!/@example\\.org$/ strict', 'ann@example.org', 'unknown'],
    ['|^a/b@| strict', 'a/b@example.org', 'strict'],
    ['/^a\\/b@/ strict', 'a/b@example.org', 'strict'],
    ['/[[:digit:]]{3}@/ strict', 'a123@example.org', 'strict'],
    ['/^[]a]+@/ strict', ']a]@example.org', 'strict'],
    ['/^[^]a]+@/ strict', 'bcd@example.org', 'strict'],
    // A backslash in brackets stands for itself.
    ['/^a[\\.]b@/ strict', 'a\\b@example.org', 'strict'],
    ['/^[[a]b@/ strict', '[b@example.org', 'strict'],
    ['/^ü@/ strict', 'Ü@example.org', 'strict'],
    ['/^(bob|eve)\\+[^@]*@/\n  strict', 'bob+x@example.org', 'strict'],
    ['if /@example\\.org$/\n/^ann@/ strict\nendif\n/^ann@/ careful', 'ann@example.org', 'strict'],
    ['if /@example\\.org$/\n/^ann@/ strict\nendif\n/^ann@/ careful', 'ann@example.net', 'careful'],
    [
      'if !/@example\\.org$/\nif /^a/\n/./ strict\nendif\nendif\n/./ careful',
      'ann@x.example',
      'strict',
    ],
    [
      'if !/@example\\.org$/\nif /^a/\n/./ strict\nendif\nendif\n/./ careful',
      'bob@x.example',
      'careful',
    ],
    ['/^(strict|careful)-/ $1', 'Careful-x@example.org', 'unknown policy'],
    ['/^(strict|careful)-/ ${1}', 'careful-x@example.org', 'careful'],
  ])('%j, %s: %s', (text, recipient, expected) => {
    if (expected === 'unknown policy')
      expect(rules(text).lookUp(recipient)).toMatchObject({ kind: 'wrong' })
    else expect(nameIn(text, recipient)).toBe(expected)
  })

  test('groups of the address make a mailbox, and what is none is no alias', () => {
    const entries = filled(
      new RegexpEntries(aliasMapValues),
      '/^(.*)@old\\.example$/ $1@new.example\n/^(.*)\\.(.*)@x\\.example$/ $(2)@y.example, keeper@y.example',
    )
    expect(entries.lookUp('ann+x@old.example')).toMatchObject({ to: ['ann+x@new.example'] })
    expect(entries.lookUp('a.b@x.example')).toMatchObject({
      to: ['b@y.example', 'keeper@y.example'],
    })
    // What stands in an address makes one mailbox, or none: a blank or a comma makes no second one
    // that is not an address.
    expect(entries.lookUp('a\0b@old.example')).toEqual({ kind: 'unknown' })
    expect(entries.lookUp('"a b"@old.example')).toMatchObject({ to: ['b"@new.example'] })
  })
})

test.each([
  ['ann@example.org strict', 'expected "/pattern/ value"'],
  ['/^ann@ strict', 'the pattern has no / at its end'],
  ['/^ann@/', 'there is no value behind the pattern'],
  ['/^ann@/ lenient', 'there is no policy "lenient"'],
  ['/^(ann@/ strict', 'error parsing regexp'],
  ['/(a)\\1/ strict', '\\1 stands for what a group has matched'],
  ['/\\d+@/ strict', '\\d is not known in a regexp table'],
  ['/\\<ann/ strict', '\\< is not known'],
  ['/(?=a)/ strict', '(? is not known'],
  ['/[[.a.]]/ strict', '[. within brackets is not known'],
  ['/[a/ strict', 'a bracket does not end'],
  ['/a/x strict', 'flag x is for a basic regular expression'],
  ['/a/q strict', 'there is no flag q'],
  ['/(a)/ $2', 'the pattern has no group 2'],
  ['/a/ $', 'a $ stands alone'],
  ['!/(a)/ $1', 'what does not match has no groups'],
  ['if /a/', 'there is an "if" without its "endif"'],
  ['endif', 'there is no "if" for this "endif"'],
  ['if /a/ strict\nendif', 'expected nothing behind the pattern'],
  [`/${'a'.repeat(3000)}/ strict`, 'the pattern has more than 2000 characters'],
])('%j is a mistake: %s', (text, why) => expect(rules(text).mistakes[0]?.why).toContain(why))

test('there are no more rules than their bound', () => {
  const text = '/a/ strict\n'.repeat(mostRules + 2)
  expect(rules(text).mistakes).toHaveLength(2)
  expect(rules(text).mistakes[0]?.why).toBe('there are more than 1000 rules')
})

/** What takes an engine that goes back for ever. */
test.each(['(a+)+$', '(a|a)*$', '(.*a){20}$', '^(([a-z])+.)+[A-Z]([a-z])+$', '(x+x+)+y'])(
  'no pattern takes an address for ever: %s',
  (pattern) => {
    const entries = rules(`/${pattern}/ strict`)
    for (const letter of ['a', 'x']) entries.lookUp(`${letter.repeat(480)}!@example.org`)
    expect(entries.mistakes).toEqual([])
  },
)

test('whatever stands in a line, it is a rule or a mistake; and whatever in an address, it has an answer', () => {
  const mark = fc.constantFrom(
    '/',
    '!',
    '[',
    ']',
    '(',
    ')',
    '\\',
    '$',
    '{',
    '}',
    '*',
    '+',
    '^',
    'a',
    ':',
    ' ',
  )
  fc.assert(
    fc.property(fc.string({ unit: mark }), fc.string(), (line, address) => {
      const entries = rules(`/${line}\n/./ strict`)
      expect(entries.count + entries.mistakeCount).toBeGreaterThan(0)
      expect(typeof entries.lookUp(address).kind).toBe('string')
    }),
  )
})
