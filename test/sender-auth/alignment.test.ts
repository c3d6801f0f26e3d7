import { expect, test } from 'vitest'
import { aligned, organisationOf } from '../../src/sender-auth/alignment.ts'

test.each([
  ['example.org', 'example.org', true],
  ['mail.example.org', 'example.org', true],
  ['a.example.org', 'b.c.example.org', true],
  ['EXAMPLE.org.', 'example.ORG', true],
  ['bücher.example', 'xn--bcher-kva.example', true],
  ['example.co.uk', 'mail.example.co.uk', true],
  ['one.co.uk', 'other.co.uk', false],
  ['co.uk', 'other.co.uk', false],
  ['co.uk', 'co.uk', true],
  ['one.github.io', 'other.github.io', false],
  ['example.org', 'example.net', false],
  ['badexample.org', 'example.org', false],
  ['org', 'org', false],
  ['', '', false],
  ['', 'example.org', false],
  ['not a name', 'not a name', false],
])('%j and %j', (one, other, expected) => {
  expect(aligned(one, other)).toBe(expected)
  expect(aligned(other, one)).toBe(expected)
})

test.each([
  ['mx.mail.example.org', 'example.org'],
  ['Mail.Example.co.uk', 'example.co.uk'],
  ['localhost', 'localhost'],
])('the organisation of %s', (name, organisation) =>
  expect(organisationOf(name)).toBe(organisation),
)
