/**
 * testssl.sh, which operators and auditors run against a mail server, finds nothing worse than
 * INFO.
 *
 *   testssl.sh 3.0.8 ─▶ Rcptwise (default configuration, self-signed certificate; then one from `rcptwise cert`)
 *
 * What it looks at: protocols, ciphers, forward secrecy, the server's defaults and preferences, and
 * all vulnerabilities that it knows. On loopback; it asks nobody outside (no DNS, no revocation
 * lists).
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeAuthority, makeServerCertificate } from '../../../src/tls/development-ca.ts'
import { startTestApp } from '../../support/app.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { examine, type Finding } from './debian-testssl.ts'

/** Half a minute on a quick machine; the slowest seen needs four. */
const limitMs = 400_000
const everything = ['-p', '-s', '-f', '-S', '-P', '-U']

/** Of the program's own OpenSSL, not of the server. */
const ofTheTester = 'WARN engine_problem'
/**
 * On a busy machine its first client has left before the ticket came (RFC 8446 4.6.1), and its
 * second one has none to show. Resumption is tried in test/tls/resumption.test.ts.
 */
const leftTooEarly = /^WARN sessionresumption_\w+: check failed because of connect problem$/
/** A certificate that no public authority has signed has no one to ask whether it was revoked. */
const noRevocation = 'HIGH cert_revocation: Neither CRL nor OCSP URI provided'
/** Nobody vouches for a self-signed certificate. */
const selfSigned = 'CRITICAL cert_chain_of_trust: failed (self signed).'

/** Its levels up to INFO. */
const harmless: readonly string[] = ['DEBUG', 'OK', 'INFO']
const worse = (findings: readonly Finding[]): string[] =>
  findings
    .filter(({ severity }) => !harmless.includes(severity))
    .map(({ severity, id, finding }) => `${severity} ${id}: ${finding}`)
    .filter((line) => !line.startsWith(`${ofTheTester}:`) && !leftTooEarly.test(line))

const severityOf = (findings: readonly Finding[], id: string): string | undefined =>
  findings.find((finding) => finding.id === id)?.severity

/**
 * One of each kind of look, so that a program that gave up early is not taken for a contented one.
 */
const looks = [
  ...['SSLv2', 'SSLv3', 'TLS1', 'TLS1_1', 'TLS1_2', 'TLS1_3'],
  ...[
    'cipherlist_NULL',
    'cipherlist_aNULL',
    'cipherlist_EXPORT',
    'cipherlist_LOW',
    'cipherlist_STRONG',
  ],
  ...[
    'PFS',
    'cipher_order',
    'cert_chain_of_trust',
    'cert_revocation',
    'cert_expirationStatus',
    'TLS_session_ticket',
  ],
  ...[
    'heartbleed',
    'CCS',
    'ROBOT',
    'secure_renego',
    'secure_client_renego',
    'CRIME_TLS',
    'POODLE_SSL',
    'fallback_SCSV',
  ],
  ...['SWEET32', 'FREAK', 'DROWN', 'LOGJAM', 'BEAST', 'LUCKY13', 'RC4'],
]

describe.skipIf(interopObstacle() !== undefined)('testssl.sh', () => {
  test('the default configuration: only that the certificate is self-signed', async () => {
    await using app = await startTestApp()
    const { findings, transcript } = await examine(app.port, ['-t', 'smtp', ...everything], limitMs)
    expect(
      looks.filter((id) => severityOf(findings, id) === undefined),
      transcript,
    ).toEqual([])
    expect(worse(findings), transcript).toEqual([selfSigned, noRevocation])
  }, 450_000)

  test('implicit TLS with a certificate of the development authority: only that none can be revoked', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-testssl-ca-'))
    try {
      const now = Date.now()
      const authority = await makeAuthority('Test CA', 3650, now)
      const server = await makeServerCertificate(['localhost'], authority, { days: 397, now })
      const [ca, cert, key] = ['ca.pem', 'server.pem', 'server.key'].map((name) =>
        path.join(directory, name),
      )
      for (const [file = '', text] of [
        [ca, authority.cert],
        [cert, server.cert],
        [key, server.key],
      ] as const)
        await writeFile(file, text)
      const listen = 'listen: [{ address: "127.0.0.1:0", tls: implicit }]'
      await using app = await startTestApp({
        config: `${listen}\ntls: { certificates: [{ cert: ${cert}, key: ${key} }] }`,
      })
      const { findings, transcript } = await examine(
        app.port,
        ['-p', '-s', '-S', '--add-ca', ca ?? ''],
        limitMs,
      )
      expect(worse(findings), transcript).toEqual([noRevocation])
      expect(severityOf(findings, 'cert_chain_of_trust')).toBe('OK')
    } finally {
      await rm(directory, { recursive: true })
    }
  }, 450_000)

  test('it does find what is weak: ciphers that the default leaves out', async () => {
    await using app = await startTestApp({
      config: 'tls: { ciphers: "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:AES128-SHA" }',
    })
    const { findings, transcript } = await examine(app.port, ['-t', 'smtp', '-s', '-L'], limitMs)
    expect(worse(findings), transcript).toEqual(
      expect.arrayContaining([expect.stringMatching(/^LOW LUCKY13: /)]),
    )
  }, 450_000)
})
