import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { makeSelfSigned } from '../../src/tls/self-signed.ts'

const now = Date.UTC(2026, 10, 23)

describe('a self-signed certificate', () => {
  test('is for the host and for localhost, by RSA with 2048 bits, for 825 days', async () => {
    const { cert } = await makeSelfSigned('mx1.example.org', now)
    const x509 = new X509Certificate(cert)
    expect(x509.subject).toBe('CN=mx1.example.org')
    expect(x509.subjectAltName).toBe('DNS:mx1.example.org, DNS:localhost')
    expect(x509.publicKey.asymmetricKeyDetails).toMatchObject({ modulusLength: 2048 })
    expect(x509.verify(x509.publicKey)).toBe(true)
    expect(x509.ca).toBe(false)
    expect(x509.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(x509.validFromDate.getTime()).toBe(now - 3_600_000)
    expect(x509.validToDate.getTime() - x509.validFromDate.getTime()).toBe(825 * 86_400_000)
  })

  test('has a serial number of its own', async () => {
    const serials = await Promise.all(
      [1, 2].map(
        async () => new X509Certificate((await makeSelfSigned('a.example', now)).cert).serialNumber,
      ),
    )
    expect(new Set(serials).size).toBe(2)
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/)
  })

  test.each([
    ['192.0.2.1', 'IP Address:192.0.2.1, DNS:localhost'],
    ['2001:db8::1', 'IP Address:2001:DB8:0:0:0:0:0:1, DNS:localhost'],
    ['localhost', 'DNS:localhost'],
  ])('may be for %s', async (host, names) => {
    expect(new X509Certificate((await makeSelfSigned(host, now)).cert).subjectAltName).toBe(names)
  })

  test('a name too long for the common name is in the other place alone', async () => {
    const host = `${'a'.repeat(60)}.${'b'.repeat(60)}.example`
    const x509 = new X509Certificate((await makeSelfSigned(host, now)).cert)
    expect(x509.subject).toBe('CN=rcptwise')
    expect(x509.checkHost(host)).toBe(host)
  })
})
