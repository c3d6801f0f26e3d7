/** TLS towards the backend: when it is used, whom it trusts, what it does without. */
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backendTls, readBackendTls } from '../../../src/backend/wire/secure.ts'
import type { SmtpConnection } from '../../../src/backend/wire/connection.ts'
import { openSmtp } from '../../../src/backend/wire/open-smtp.ts'
import type { Fact } from '../../../src/facts/fact.ts'
import { makeAuthority, makeServerCertificate } from '../../../src/tls/development-ca.ts'
import type { Issued } from '../../../src/tls/issue.ts'
import { makeSelfSigned } from '../../../src/tls/self-signed.ts'
import { startTestApp } from '../../support/app.ts'
import { Client } from '../../support/dialogue.ts'
import { until } from '../../support/lab/until.ts'
import { startTlsBackend, type TlsBackend, type TlsBackendOptions } from '../tls-backend.ts'

type Settings = Parameters<typeof readBackendTls>[0]

let directory: string
let ca: string
let named: Issued
let addressed: Issued
let selfSigned: Issued
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-secure-'))
  const now = Date.now()
  const authority = await makeAuthority('Test CA', 10, now)
  ca = join(directory, 'ca.pem')
  await writeFile(ca, `Some words in front.\n${authority.cert}`)
  named = await makeServerCertificate(['mail.backend.test'], authority, { days: 5, now })
  addressed = await makeServerCertificate(['127.0.0.1'], authority, { days: 5, now })
  selfSigned = await makeSelfSigned('mail.backend.test', now)
})
afterAll(async () => {
  await rm(directory, { recursive: true })
})

const fingerprintOf = ({ cert }: Issued): string =>
  new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase()

interface Opened {
  readonly connection?: SmtpConnection
  readonly why?: string
}

async function openTo(
  backend: TlsBackend,
  settings: Partial<Settings>,
  more = {},
): Promise<Opened> {
  const tls = backendTls(readBackendTls({ mode: 'require', fingerprints: [], ...settings }))
  const place = { host: '127.0.0.1', port: backend.port, tls, helo: 'mx.test' }
  const limits = { connectTimeoutMs: 10_000, replyTimeoutMs: 10_000, ...more }
  return await openSmtp({ ...place, ...limits }).then(
    (connection) => ({ connection }),
    (error: unknown) => ({ why: error instanceof Error ? error.message : String(error) }),
  )
}

/** Opens a connection, looks at it, and ends it; nothing stays open. */
async function opening(options: TlsBackendOptions, settings: Partial<Settings>, more = {}) {
  await using backend = await startTlsBackend(options)
  const { connection, why } = await openTo(backend, settings, more)
  const { lines, askedFor, connections } = backend
  const seen = {
    why,
    tls: connection?.tlsVersion,
    keywords: [...(connection?.extensions.keys() ?? [])],
    clearBecause: connection?.clearBecause,
  }
  connection?.destroy('the test is over')
  await until('nothing stays open', () => backend.open() === 0)
  return { ...seen, lines, askedFor, connections }
}

describe('require', () => {
  test('STARTTLS, EHLO again, and what the second EHLO says counts', async () => {
    const seen = await opening({ certificate: addressed }, { ca })
    expect(seen).toMatchObject({
      why: undefined,
      tls: 'TLSv1.3',
      keywords: ['X-IN-TLS', 'PIPELINING'],
    })
    expect(seen.lines).toEqual(['EHLO mx.test', 'STARTTLS', 'tls EHLO mx.test'])
  })

  test('the configured name is asked for and expected', async () => {
    const good = await opening({ certificate: named }, { ca, serverName: 'mail.backend.test' })
    expect(good).toMatchObject({ why: undefined, askedFor: ['mail.backend.test'] })
    const bad = await opening({ certificate: named }, { ca, serverName: 'other.backend.test' })
    expect(bad.why).toContain("the certificate can't be trusted (ERR_TLS_CERT_ALTNAME_INVALID)")
    expect(bad.lines).toEqual(['EHLO mx.test', 'STARTTLS'])
  })

  test('an address is expected in the certificate where no name is configured', async () => {
    expect((await opening({ certificate: named }, { ca })).why).toContain(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    )
  })

  test('a certificate of nobody known is refused, with what to do', async () => {
    const seen = await opening({ certificate: selfSigned }, { serverName: 'mail.backend.test' })
    expect(seen.why).toBe(
      "the certificate can't be trusted (DEPTH_ZERO_SELF_SIGNED_CERT); set backend.tls.ca, or backend.tls.fingerprint if " +
        `${fingerprintOf(selfSigned)} is its SHA-256`,
    )
    expect(seen.connections).toBe(1)
  })

  test('the fingerprint is enough, and nothing else is', async () => {
    const fingerprints = ['00'.repeat(32), fingerprintOf(selfSigned)]
    expect(await opening({ certificate: selfSigned }, { fingerprints })).toMatchObject({
      tls: 'TLSv1.3',
    })
    const other = await opening(
      { certificate: named },
      { fingerprints, serverName: 'mail.backend.test' },
    )
    expect(other.why).toBe(
      `the certificate is another one than backend.tls.fingerprint says: its SHA-256 is ${fingerprintOf(named)}`,
    )
  })

  test.each<[string, Partial<TlsBackendOptions>, RegExp]>([
    [
      'no STARTTLS',
      { offered: false },
      /^STARTTLS is not offered, and backend.tls.mode is require$/,
    ],
    ['STARTTLS refused', { answer: '454 4.7.0 not now\r\n' }, /^STARTTLS: 454 4\.7\.0 not now$/],
    ['no handshake', { handshake: 'junk' }, /^TLS handshake: ERR_SSL_/],
    ['a lost connection', { handshake: 'close' }, /^TLS handshake: /],
  ])('%s: no connection, and nothing more is said', async (_, options, why) => {
    const seen = await opening({ certificate: addressed, ...options }, { ca })
    expect(seen.why).toMatch(why)
    expect(seen.lines.filter((line) => line !== 'STARTTLS')).toEqual(['EHLO mx.test'])
    expect(seen.connections).toBe(1)
  })

  test('a handshake that never comes ends with the time for opening', async () => {
    const seen = await opening(
      { certificate: addressed, handshake: 'silent' },
      { ca },
      { connectTimeoutMs: 200 },
    )
    expect(seen.why).toBe('TLS handshake: no answer within 200 ms')
  })
})

describe('CVE-2021-38371: what comes in clear behind the 220 is not taken for an answer in TLS', () => {
  test.each([
    '250 X-EVIL\r\n',
    '250-backend.test\r\n250 X-EVIL\r\n',
    '250-backend.test\r\n250-X-EV',
  ])('%j', async (behind) => {
    const seen = await opening({ certificate: addressed, answer: `220 go on\r\n${behind}` }, { ca })
    expect(seen).toMatchObject({
      why: undefined,
      tls: 'TLSv1.3',
      keywords: ['X-IN-TLS', 'PIPELINING'],
    })
  })
})

describe('opportunistic', () => {
  const mode = 'opportunistic'

  test('any certificate will do', async () => {
    expect(await opening({ certificate: selfSigned }, { mode })).toMatchObject({
      tls: 'TLSv1.3',
      connections: 1,
    })
  })

  test('clear where STARTTLS is not offered, on the same connection', async () => {
    const seen = await opening({ certificate: selfSigned, offered: false }, { mode })
    expect(seen).toMatchObject({
      tls: undefined,
      clearBecause: undefined,
      connections: 1,
      lines: ['EHLO mx.test'],
    })
  })

  test.each<[string, Partial<TlsBackendOptions>, RegExp]>([
    ['the handshake fails', { handshake: 'junk' }, /^TLS handshake: ERR_SSL_/],
    ['the handshake is broken off', { handshake: 'close' }, /^TLS handshake: /],
    ['STARTTLS is refused', { answer: '454 4.7.0 not now\r\n' }, /^STARTTLS: 454 /],
  ])('clear on a fresh connection where %s', async (_, options, why) => {
    const seen = await opening({ certificate: selfSigned, ...options }, { mode })
    expect(seen).toMatchObject({
      why: undefined,
      tls: undefined,
      keywords: ['X-IN-CLEAR', 'STARTTLS', 'PIPELINING'],
    })
    expect(seen.clearBecause).toMatch(why)
    expect(seen.connections).toBe(2)
    expect(seen.lines).toEqual(['EHLO mx.test', 'STARTTLS', 'EHLO mx.test'])
  })
})

describe('smtps:', () => {
  const implicitTls = true

  test('the handshake comes first, and STARTTLS is not said', async () => {
    const seen = await opening({ certificate: addressed, implicit: true }, { ca }, { implicitTls })
    expect(seen).toMatchObject({
      tls: 'TLSv1.3',
      lines: ['tls EHLO mx.test'],
      keywords: ['X-IN-TLS', 'PIPELINING'],
    })
  })

  test('is never clear, whatever the mode', async () => {
    const seen = await opening(
      { certificate: addressed },
      { mode: 'opportunistic' },
      { implicitTls },
    )
    expect(seen.why).toMatch(/^TLS handshake: ERR_SSL_/)
    expect(seen).toMatchObject({ connections: 1 })
  })

  test('a certificate that is not trusted ends it', async () => {
    const seen = await opening({ certificate: selfSigned, implicit: true }, {}, { implicitTls })
    expect(seen.why).toContain('DEPTH_ZERO_SELF_SIGNED_CERT')
    expect(seen.lines).toEqual([])
  })
})

test('mode off is clear text', () => {
  expect(backendTls(readBackendTls({ mode: 'off', fingerprints: [] }))).toBeUndefined()
})

test.each([
  ['gone.pem', async () => await Promise.resolve(), /gone\.pem: ENOENT.*; check backend\.tls\.ca$/],
  [
    'empty.pem',
    async (file: string) => await writeFile(file, ''),
    /empty\.pem: holds no certificate in PEM form; check/,
  ],
])('a file of authorities that can’t be used is told: %s', async (name, write, why) => {
  const file = join(directory, name)
  await write(file)
  expect(() => backendTls(readBackendTls({ mode: 'require', ca: file, fingerprints: [] }))).toThrow(
    why,
  )
})

describe('the whole product', () => {
  const config = (backend: TlsBackend, tls: string): string =>
    `relay_domains: [example.org]\nbackend: { servers: ["smtp://127.0.0.1:${backend.port}"], mail: at_once, tls: ${tls} }`
  const failures = (facts: readonly Fact[]): string[] =>
    facts.flatMap((fact) => (fact.kind === 'backendFailed' ? [`${fact.step}: ${fact.why}`] : []))

  test('require: MAIL is answered with 451 while there is no TLS that can be trusted', async () => {
    await using backend = await startTlsBackend({ certificate: selfSigned })
    await using app = await startTestApp({ config: config(backend, 'require') })
    expect(app.app.ready().reasons.join()).toContain('DEPTH_ZERO_SELF_SIGNED_CERT')
    const client = await Client.connect(app.port)
    await client.reply()
    await client.ask('EHLO client.test')
    expect(await client.ask('MAIL FROM:<s@example.net>')).toMatch(/^451 4\.4\.1 /)
    client.close()
    expect(failures(app.facts)[0]).toMatch(/^tls: the certificate can't be trusted/)
    expect(backend.lines.filter((line) => line.includes('MAIL'))).toEqual([])
    expect(await app.metrics()).toMatch(
      /rcptwise_backend_errors_total\{server="smtp:\/\/[^"]*",step="tls"\} [1-9]/,
    )
  })

  test('require: a server that had STARTTLS and has it no more gets nothing', async () => {
    const options = { certificate: addressed, offered: true }
    await using backend = await startTlsBackend(options)
    const pool = 'pool: { idle_timeout: 100ms }'
    await using app = await startTestApp({
      config: config(backend, `{ mode: require, ca: ${ca} }, ${pool}`),
    })
    const mail = async (): Promise<string> => {
      const client = await Client.connect(app.port)
      await client.reply()
      await client.ask('EHLO client.test')
      const said = await client.ask('MAIL FROM:<s@example.net>')
      client.close()
      return said
    }
    expect(await mail()).toMatch(/^250 /)
    options.offered = false
    await until('the connection in TLS is gone', () => backend.open() === 0)
    expect(await mail()).toMatch(/^451 4\.4\.1 /)
    expect(backend.lines.filter((line) => line.includes('MAIL'))).toEqual([
      'tls MAIL FROM:<s@example.net>',
    ])
  })

  test('opportunistic is the default, and going on in clear is told', async () => {
    await using backend = await startTlsBackend({ certificate: selfSigned, handshake: 'junk' })
    await using app = await startTestApp({ config: config(backend, '') })
    expect(app.app.ready().ready).toBe(true)
    expect(failures(app.facts)[0]).toMatch(/^tls: TLS handshake: .*; it goes on in clear$/)
  })

  test('TLS with the backend is in the facts', async () => {
    await using backend = await startTlsBackend({ certificate: addressed })
    await using app = await startTestApp({
      config: config(backend, `{ mode: require, ca: ${ca} }`),
    })
    expect(app.app.ready().ready).toBe(true)
    expect(app.facts.find(({ kind }) => kind === 'backendConnected')).toMatchObject({
      tls: 'TLSv1.3',
    })
  })
})
