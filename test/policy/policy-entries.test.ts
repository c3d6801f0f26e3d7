import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PolicyEntries } from '../../src/policy/policy-entries.ts'
import { policies } from './policies.ts'

function entriesOf(...lines: readonly string[]): PolicyEntries {
  const entries = new PolicyEntries([...policies.keys()])
  for (const [i, line] of lines.entries()) entries.add(line, i + 1)
  return entries
}

const policyOf = (entries: PolicyEntries, recipient: string): string => {
  const answer = entries.lookUp(recipient)
  return answer.kind === 'named' ? answer.name : answer.kind
}

describe('looking up', () => {
  const entries = entriesOf(
    'user@example.org: strict',
    'user+lists@example.org: careful',
    'user+*@example.org: tag-only',
    '@example.org: careful',
    'Jane.Doe@example.net: strict',
    'MiXed@example.net: strict',
    'mixed@example.net: tag-only',
    'postmaster: strict',
    '"@bücher.example": strict',
  )

  test.each([
    ['user@example.org', 'strict'],
    ['USER@example.org', 'strict'],
    ['user@EXAMPLE.org', 'strict'],
    ['user+lists@example.org', 'careful'],
    ['user+other@example.org', 'tag-only'],
    ['User+a+b@example.org', 'tag-only'],
    ['user+@example.org', 'tag-only'],
    ['other@example.org', 'careful'],
    ['other+x@example.org', 'careful'],
    ['+x@example.org', 'careful'],
    ['"a@b"@example.org', 'careful'],
    ['jane.doe@example.net', 'strict'],
    ['JANE.DOE@example.net', 'strict'],
    ['MiXed@example.net', 'strict'],
    ['mixed@example.net', 'tag-only'],
    ['MIXED@example.net', 'tag-only'],
    ['someone@example.net', 'unknown'],
    ['user@sub.example.org', 'unknown'],
    ['postmaster', 'strict'],
    ['Postmaster', 'strict'],
    ['x@bücher.example', 'strict'],
    ['x@xn--bcher-kva.example', 'strict'],
    ['', 'unknown'],
    ['@', 'unknown'],
    ['__proto__@example.net', 'unknown'],
  ])('%s: %s', (recipient, expected) => {
    expect(policyOf(entries, recipient)).toBe(expected)
  })

  test('the file above has no mistakes, and nine entries', () => {
    expect(entries.mistakes).toEqual([])
    expect(entries.count).toBe(9)
  })
})

test('mistakes have their line, and the other entries are read on', () => {
  const entries = entriesOf(
    'a@example.org: strict',
    'b@example.org: stirct',
    '# x',
    'c: strict',
    'a@EXAMPLE.org: careful',
    'd@example.org: strict',
  )
  expect(entries.mistakes).toEqual([
    {
      line: 2,
      why: 'b@example.org: there is no policy "stirct", expected one of strict, careful, tag-only',
    },
    { line: 4, why: 'c has no "@", expected user@example.org, user+*@example.org or @example.org' },
    { line: 5, why: 'a@EXAMPLE.org is there already, in line 1; keep one of them' },
  ])
  expect(policyOf(entries, 'd@example.org')).toBe('strict')
})

test('an address that has an entry gets it, whatever else is in the file', () => {
  const address = fc
    .tuple(fc.stringMatching(/^[a-z0-9._]{1,10}(\+[a-z0-9]{1,5})?$/), fc.domain())
    .map(([user, domain]) => `${user}@${domain}`)
  fc.assert(
    fc.property(fc.uniqueArray(address, { minLength: 1, maxLength: 20 }), (addresses) => {
      const wanted = addresses.map((each, i) => [each, [...policies.keys()][i % 3] ?? ''] as const)
      const entries = entriesOf(...wanted.map(([each, policy]) => `${each}: ${policy}`))
      for (const [each, policy] of wanted) expect(policyOf(entries, each)).toBe(policy)
    }),
  )
})
