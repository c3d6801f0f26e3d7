import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type LookUpKeys, lookUpKeys } from '../../src/policy/look-up-keys.ts'

test.each<[string, LookUpKeys]>([
  ['User@example.org', { address: 'User@example.org', domain: '@example.org' }],
  ['user@EXAMPLE.org', { address: 'user@example.org', domain: '@example.org' }],
  [
    'user+lists@example.org',
    {
      address: 'user+lists@example.org',
      withoutDetail: 'user@example.org',
      domain: '@example.org',
    },
  ],
  [
    'user+a+b@example.org',
    { address: 'user+a+b@example.org', withoutDetail: 'user@example.org', domain: '@example.org' },
  ],
  [
    'user+@example.org',
    { address: 'user+@example.org', withoutDetail: 'user@example.org', domain: '@example.org' },
  ],
  ['+x@example.org', { address: '+x@example.org', domain: '@example.org' }],
  ['"a@b"@example.org', { address: '"a@b"@example.org', domain: '@example.org' }],
  ['x@bücher.example', { address: 'x@xn--bcher-kva.example', domain: '@xn--bcher-kva.example' }],
  ['x@[192.0.2.1]', { address: 'x@[192.0.2.1]', domain: '@[192.0.2.1]' }],
  ['postmaster', { address: 'postmaster' }],
  ['', { address: '' }],
  ['@', { address: '@', domain: '@' }],
])('%s', (recipient, keys) => expect(lookUpKeys(recipient)).toEqual(keys))

test('the keys of an address are found whatever its detail', () =>
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z0-9._]{1,10}$/),
      fc.stringMatching(/^[a-z0-9+=-]{0,10}$/),
      fc.domain(),
      (user, detail, domain) => {
        const plain = lookUpKeys(`${user}@${domain}`)
        const detailed = lookUpKeys(`${user}+${detail}@${domain}`)
        expect(detailed.withoutDetail).toBe(plain.address)
        expect(detailed.domain).toBe(plain.domain)
        expect(lookUpKeys(plain.address)).toEqual(plain)
      },
    ),
  ))
