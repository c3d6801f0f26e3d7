import { expect, test } from 'vitest'
import { parseAddressPattern } from '../../src/policy/address-pattern.ts'

test.each([
  ['User@Example.ORG', 'address', 'User@example.org'],
  ['@Example.org', 'domain', '@example.org'],
  ['user+*@example.org', 'detailed', 'user@example.org'],
  ['user+list@example.org', 'address', 'user+list@example.org'],
  ['"a@b"@example.org', 'address', '"a@b"@example.org'],
  ['postmaster', 'address', 'postmaster'],
  ['@bücher.example', 'domain', '@xn--bcher-kva.example'],
  ['x@xn--bcher-kva.example', 'address', 'x@xn--bcher-kva.example'],
  ['x@bu\u0308cher.Example.', 'address', 'x@xn--bcher-kva.example'],
  ['x@[192.0.2.1]', 'address', 'x@[192.0.2.1]'],
])('%s is for %s %s', (text, of, key) => {
  expect(parseAddressPattern(text)).toEqual({ ok: true, of, key })
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
