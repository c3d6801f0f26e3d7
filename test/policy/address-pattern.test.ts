import { expect, test } from 'vitest'
import { parseAddressPattern } from '../../src/policy/address-pattern.ts'

test.each([
  ['User@Example.ORG', 'User@example.org'],
  ['@Example.org', '@example.org'],
  ['user+*@example.org', 'user+*@example.org'],
  ['user+list@example.org', 'user+list@example.org'],
  ['"a@b"@example.org', '"a@b"@example.org'],
  ['postmaster', 'postmaster'],
  ['@bücher.example', '@xn--bcher-kva.example'],
  ['x@xn--bcher-kva.example', 'x@xn--bcher-kva.example'],
  ['x@bu\u0308cher.Example.', 'x@xn--bcher-kva.example'],
  ['x@[192.0.2.1]', 'x@[192.0.2.1]'],
])('%s', (text, key) => {
  expect(parseAddressPattern(text)).toEqual({ ok: true, key })
})

const expected = 'expected user@example.org, user+*@example.org or @example.org'

test.each([
  ['example.org', `example.org has no "@", ${expected}`],
  ['user@', `user@ has no valid domain, ${expected}`],
  ['@*.example.org', `@*.example.org has no valid domain, ${expected}`],
  [
    'user*@example.org',
    `user*@example.org: "*" can only stand for all that follows the first "+", ${expected}`,
  ],
  [
    'user+a*@example.org',
    `user+a*@example.org: "*" can only stand for all that follows the first "+", ${expected}`,
  ],
  [
    'user+a+*@example.org',
    `user+a+*@example.org: "*" can only stand for all that follows the first "+", ${expected}`,
  ],
  [
    '*@example.org',
    `*@example.org: "*" can only stand for all that follows the first "+", ${expected}; for the whole domain write @example.org`,
  ],
])('%s is a mistake', (text, why) => {
  expect(parseAddressPattern(text)).toEqual({ ok: false, why })
})
