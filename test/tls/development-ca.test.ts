import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  canBeCertified,
  makeAuthority,
  makeServerCertificate,
} from '../../src/tls/development-ca.ts'
import { makeSelfSigned } from '../../src/tls/self-signed.ts'

const day = 86_400_000
const now = Date.UTC(2026, 10, 23)

describe('makeServerCertificate', () => {
  test('ends with the authority’s certificate at the latest', async () => {
    const authority = await makeAuthority('CA', 100, now)
    const made = await makeServerCertificate(['a.test'], authority, { days: 397, now })
    const [ca, server] = [new X509Certificate(authority.cert), new X509Certificate(made.cert)]
    expect(server.validToDate).toEqual(ca.validToDate)
    expect(server.checkIssued(ca)).toBe(true)
  })

  test.each([
    [
      'has expired',
      async () => await makeAuthority('CA', 1, now - 10 * day),
      /has expired on 2026-11-13/,
    ],
    ['is none', async () => await makeSelfSigned('a.test', now), /not that of an authority/],
  ])('is refused under an authority that %s', async (_, authority, why) => {
    await expect(
      makeServerCertificate(['a.test'], await authority(), { days: 1, now }),
    ).rejects.toThrow(why)
  })
})

test.each([
  ['mx1.example.org', true],
  ['localhost', true],
  ['_smtp.example.org', true],
  ['*.example.org', true],
  ['192.0.2.1', true],
  ['2001:db8::1', true],
  ['', false],
  ['192.0.2', false],
  ['*', false],
  ['a.*.example.org', false],
  ['-a.example.org', false],
  ['a b', false],
  ['../a', false],
  ['a..b', false],
  [`${'a'.repeat(64)}.example.org`, false],
])('canBeCertified(%j) is %j', (name, can) => {
  expect(canBeCertified(name)).toBe(can)
})
