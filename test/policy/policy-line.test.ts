import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { parsePolicyLine } from '../../src/policy/policy-line.ts'
import { runs } from '../support/properties.ts'

describe('entries', () => {
  test.each([
    ['user@example.org: strict', 'user@example.org', 'strict'],
    ['user@example.org : strict', 'user@example.org', 'strict'],
    ['user@example.org:\tstrict  # since May', 'user@example.org', 'strict'],
    ['user@example.org: strict\r', 'user@example.org', 'strict'],
    ['"user@example.org": "strict"', 'user@example.org', 'strict'],
    ["'user@example.org': 'strict' # quoted", 'user@example.org', 'strict'],
    ['@example.org: careful', '@example.org', 'careful'],
    ['"@example.org": careful', '@example.org', 'careful'],
    ['user+*@example.org: tag-only', 'user+*@example.org', 'tag-only'],
    ["o'neill@example.org: strict", "o'neill@example.org", 'strict'],
    ["'o''neill@example.org': strict", "o'neill@example.org", 'strict'],
    [`'"a b"@example.org': strict`, '"a b"@example.org', 'strict'],
    [String.raw`"\"a b\"@example.org": strict`, '"a b"@example.org', 'strict'],
    ['user#1@example.org: strict', 'user#1@example.org', 'strict'],
    ['user@[IPv6:2001:db8::1]: strict', 'user@[IPv6:2001:db8::1]', 'strict'],
  ])('%s', (line, address, policy) => {
    expect(parsePolicyLine(line)).toEqual({ kind: 'entry', address, policy })
  })
})

test.each(['', '   ', '\r', '# a comment', '  # indented', '---', '--- '])(
  '%j is blank',
  (line) => {
    expect(parsePolicyLine(line)).toEqual({ kind: 'blank' })
  },
)

describe('mistakes', () => {
  test.each([
    ['user@example.org:', 'user@example.org has no policy'],
    ['user@example.org: # strict', 'user@example.org has no policy'],
    ['user@example.org:strict', 'expected a space after the colon'],
    [
      ' user@example.org: strict',
      'the line is indented, expected "address: policy" from its beginning',
    ],
    ['user@example.org', 'expected "address: policy", got "user@example.org"'],
    [
      'user@example.org: strict careful',
      'expected "address: policy", got "user@example.org: strict careful"',
    ],
    ['- user@example.org: strict', 'expected "address: policy", got "- user@example.org: strict"'],
    [
      '{ user@example.org: strict }',
      'expected "address: policy", got "{ user@example.org: strict }"',
    ],
    [
      '"user@example.org: strict',
      String.raw`expected "address: policy", got "\"user@example.org: strict"`,
    ],
    [String.raw`"\q@example.org": strict`, 'the quoted address has an escape that is not known'],
    ['x'.repeat(100), `expected "address: policy", got "${'x'.repeat(77)}..."`],
  ])('%s', (line, why) => {
    expect(parsePolicyLine(line)).toEqual({ kind: 'mistake', why })
  })
})

test('what a YAML library writes for an address is read as that address', () => {
  const local = fc.stringMatching(/^[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]{1,20}$/)
  fc.assert(
    fc.property(
      local,
      fc.domain(),
      fc.constantFrom('strict', 'tag-only', 'a_1'),
      (user, domain, policy) => {
        const address = `${user}@${domain}`
        const [line = ''] = stringify({ [address]: policy }, { lineWidth: 0 }).split('\n')
        expect(parsePolicyLine(line)).toEqual({ kind: 'entry', address, policy })
      },
    ),
  )
})

test('no line makes it throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (line) => {
      expect(['entry', 'blank', 'mistake']).toContain(parsePolicyLine(line).kind)
    }),
    { numRuns: runs(500) },
  )
})
