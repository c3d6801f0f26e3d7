import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PemPair } from '../../src/tls/certificate-pair.ts'
import { loadCertificates, type Certificates } from '../../src/tls/certificates.ts'
import { makeSelfSigned } from '../../src/tls/self-signed.ts'
import { handshake } from './handshake.ts'

const day = 86_400_000
let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-tls-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

describe('configured pairs', () => {
  async function writePair(host: string, madeAt = Date.now()): Promise<PemPair> {
    const { cert, key } = await makeSelfSigned(host, madeAt)
    const files = { cert: join(directory, `${host}.pem`), key: join(directory, `${host}.key`) }
    await writeFile(files.cert, cert)
    await writeFile(files.key, key)
    return files
  }

  const load = async (...pairs: readonly PemPair[]): Promise<Certificates> =>
    await loadCertificates({ hostname: 'unused.example', pairs, dataDirectory: directory })

  test('the client gets the one that it asks for, and else the first', async () => {
    const certificates = await load(
      await writePair('mx1.example.org'),
      await writePair('*.example.net'),
    )
    const asked = async (servername: string): Promise<string> =>
      (await handshake(certificates, { servername })).names
    expect(await asked('mx1.example.org')).toBe('DNS:mx1.example.org, DNS:localhost')
    expect(await asked('MX1.EXAMPLE.ORG')).toBe('DNS:mx1.example.org, DNS:localhost')
    expect(await asked('mx2.example.net')).toBe('DNS:*.example.net, DNS:localhost')
    expect(await asked('other.example')).toBe('DNS:mx1.example.org, DNS:localhost')
    expect((await handshake(certificates, {})).names).toBe('DNS:mx1.example.org, DNS:localhost')
  })

  test.each(['', '.', '*.example.org', 'fe80::1%eth0', 'a\0b', '\xff', 'a'.repeat(300)])(
    'a name that is none gets the first: %j',
    async (name) => {
      const certificates = await load(
        await writePair('mx1.example.org'),
        await writePair('mx2.example.org'),
      )
      expect(certificates.contextFor(name)).toBe(certificates.all[0].context)
    },
  )

  test('a client that trusts the certificate is content with it', async () => {
    const pair = await writePair('mx1.example.org')
    const certificates = await load(pair)
    const seen = await handshake(certificates, {
      servername: 'mx1.example.org',
      ca: await readFile(pair.cert),
    })
    expect(seen).toMatchObject({ authorized: true, protocol: 'TLSv1.3' })
  })

  test('TLS 1.2 is spoken, TLS 1.1 is not', async () => {
    const certificates = await load(await writePair('mx1.example.org'))
    expect((await handshake(certificates, { maxVersion: 'TLSv1.2' })).protocol).toBe('TLSv1.2')
    const old = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const
    await expect(handshake(certificates, old)).rejects.toThrow(/alert protocol version/)
  })

  test('their names and ends are known', async () => {
    const madeAt = Date.UTC(2026, 0, 1)
    const { all } = await load(await writePair('mx1.example.org', madeAt))
    expect(all).toHaveLength(1)
    expect(all[0]).toMatchObject({
      name: 'mx1.example.org',
      file: join(directory, 'mx1.example.org.pem'),
      selfSigned: true,
      expiresAt: madeAt + 825 * day - 3_600_000,
    })
  })

  test('one that has expired is used all the same', async () => {
    const certificates = await load(await writePair('mx1.example.org', Date.now() - 900 * day))
    expect(certificates.all[0].expiresAt).toBeLessThan(Date.now())
    expect((await handshake(certificates, {})).names).toContain('mx1.example.org')
  })

  describe('mistakes', () => {
    const reason = async (pair: PemPair): Promise<string> =>
      await load(pair).then(
        () => 'none',
        (error: unknown) =>
          error instanceof Error ? error.message.replaceAll(`${directory}/`, '') : String(error),
      )

    test('a missing file', async () => {
      const pair = await writePair('a.example')
      const cert = join(directory, 'gone.pem')
      expect(await reason({ ...pair, cert })).toBe(
        'gone.pem: there is no such file; check tls.certificates',
      )
      expect(await reason({ ...pair, key: directory })).toBe(
        `${directory}: is a directory, expected a PEM file`,
      )
    })

    test('files that don’t belong together', async () => {
      const a = await writePair('a.example')
      const b = await writePair('b.example')
      expect(await reason({ cert: a.cert, key: b.key })).toBe(
        'b.example.key: is not the key of the certificate in a.example.pem; check which files belong together',
      )
    })

    test('files that are swapped', async () => {
      const { cert, key } = await writePair('a.example')
      expect(await reason({ cert: key, key: cert })).toBe(
        'a.example.key: holds no certificate in PEM form ("-----BEGIN CERTIFICATE-----"); it holds a key, are cert and key swapped?',
      )
      expect(await reason({ cert, key: cert })).toBe(
        'a.example.pem: holds no private key in PEM form ("-----BEGIN PRIVATE KEY-----")',
      )
    })

    test('a key with a passphrase', async () => {
      const { cert, key } = await writePair('a.example')
      const locked = createPrivateKey(await readFile(key)).export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-128-cbc',
        passphrase: 'secret',
      })
      await writeFile(key, locked)
      expect(await reason({ cert, key })).toBe(
        'a.example.key: the key has a passphrase; take it away with "openssl pkey"',
      )
    })

    test('something else than PEM', async () => {
      const pair = await writePair('a.example')
      await writeFile(
        pair.cert,
        generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' }),
      )
      expect(await reason(pair)).toBe(
        'a.example.pem: holds no certificate in PEM form ("-----BEGIN CERTIFICATE-----")',
      )
    })
  })
})

describe('the self-signed one', () => {
  const now = Date.now()
  const load = async (hostname = 'mx1.example.org', at = now): Promise<Certificates> =>
    await loadCertificates({
      hostname,
      pairs: [],
      dataDirectory: join(directory, 'data'),
      clock: () => at,
    })
  const kept = async (): Promise<string> =>
    await readFile(join(directory, 'data', 'self-signed.pem'), 'utf8')

  test('is made and works for every name', async () => {
    const certificates = await load()
    const seen = await handshake(certificates, { servername: 'mx1.example.org', ca: await kept() })
    expect(seen).toMatchObject({ authorized: true, names: 'DNS:mx1.example.org, DNS:localhost' })
    expect((await handshake(certificates, {})).names).toBe('DNS:mx1.example.org, DNS:localhost')
    expect(certificates.all[0]).toMatchObject({ name: 'mx1.example.org', selfSigned: true })
  })

  test('is kept for the next start, for nobody else to read, with nothing left beside it', async () => {
    await load()
    const first = await kept()
    await load()
    expect(await kept()).toBe(first)
    expect((await stat(join(directory, 'data', 'self-signed.pem'))).mode & 0o777).toBe(0o600)
    expect(await readdir(join(directory, 'data'))).toEqual(['self-signed.pem'])
  })

  test.each(['vm', 'mail_1.example.org', '192.0.2.1', '2001:db8::1'])(
    'is kept for the host name %s, too',
    async (host) => {
      await load(host)
      const first = await kept()
      await load(host)
      expect(await kept()).toBe(first)
    },
  )

  test.each<[string, () => Promise<unknown>]>([
    ['for another host', async () => await load('mx2.example.org')],
    ['when it ends within 30 days', async () => await load('mx1.example.org', now + 800 * day)],
    ['when it has expired', async () => await load('mx1.example.org', now + 2000 * day)],
  ])('is made anew %s', async (_, again) => {
    await load()
    const first = await kept()
    await again()
    expect(await kept()).not.toBe(first)
  })

  test('is made anew when the file is broken', async () => {
    await load()
    await writeFile(join(directory, 'data', 'self-signed.pem'), 'half a ke')
    const certificates = await load()
    expect((await handshake(certificates, {})).names).toBe('DNS:mx1.example.org, DNS:localhost')
  })

  test('a directory that can’t be written is told', async () => {
    await writeFile(join(directory, 'data'), '')
    await expect(load()).rejects.toThrow(
      /self-signed\.pem: can't keep the self-signed certificate: .*check data_directory/,
    )
  })

  test('what stands in its place is told, and nothing is left behind', async () => {
    await mkdir(join(directory, 'data', 'self-signed.pem'), { recursive: true })
    await expect(load()).rejects.toThrow(/can't keep the self-signed certificate/)
    expect(await readdir(join(directory, 'data'))).toEqual(['self-signed.pem'])
  })
})
