import { mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import type { PemPair } from '../../src/tls/certificate-pair.ts'
import { makeSelfSigned } from '../../src/tls/self-signed.ts'
import { openCertificates, type WatchedCertificates } from '../../src/tls/watched-certificates.ts'
import { until } from '../support/lab/until.ts'
import { handshake } from './handshake.ts'

const day = 86_400_000
let directory: string
let facts: Fact[]
let opened: WatchedCertificates[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-tls-'))
  facts = []
  opened = []
})

afterEach(async () => {
  for (const certificates of opened) await certificates.close()
  await rm(directory, { recursive: true })
})

/** Writes a pair for a host, under the name of another one if it is to replace that. */
async function writePair(host: string, as = host, madeAt = Date.now()): Promise<PemPair> {
  const { cert, key } = await makeSelfSigned(host, madeAt)
  const files = { cert: join(directory, `${as}.pem`), key: join(directory, `${as}.key`) }
  await writeFile(files.cert, cert)
  await writeFile(files.key, key)
  return files
}

async function open(pairs: readonly PemPair[], clock = Date.now): Promise<WatchedCertificates> {
  const onFact = (fact: Fact): void => void facts.push(fact)
  const certificates = await openCertificates({
    hostname: 'own.test',
    pairs,
    dataDirectory: join(directory, 'data'),
    clock,
    onFact,
  })
  opened.push(certificates)
  return certificates
}

const shown = async (certificates: WatchedCertificates, servername?: string): Promise<string> =>
  (await handshake(certificates, servername === undefined ? {} : { servername })).names.replace(
    /^DNS:|, .*$/g,
    '',
  )
const kinds = (): string[] => facts.map(({ kind }) => kind)
const kept = (): string[] =>
  facts.flatMap((fact) => (fact.kind === 'certificateKept' ? [fact.why] : []))

describe('when the files change', () => {
  test('new handshakes get the new pair, the expiry is the new one', async () => {
    const certificates = await open([await writePair('old.test', 'mx', Date.now() - 100 * day)])
    const before = certificates.all[0].expiresAt
    expect(await shown(certificates)).toBe('old.test')
    await writePair('new.test', 'mx')
    await until('the new pair is used', async () => (await shown(certificates)) === 'new.test')
    expect(certificates.all[0]).toMatchObject({ name: 'new.test' })
    expect(certificates.all[0].expiresAt - before).toBeGreaterThan(99 * day)
    expect(kinds()).toEqual(['certificateLoaded', 'certificateLoaded'])
  })

  test('also by a symbolic link, as certbot does it, and only the pair that changed', async () => {
    const [a, b, c] = [
      await writePair('a.test'),
      await writePair('b.test'),
      await writePair('c.test'),
    ]
    const live = { cert: join(directory, 'live.pem'), key: join(directory, 'live.key') }
    const point = async (to: PemPair): Promise<void> => {
      for (const part of ['cert', 'key'] as const) {
        await symlink(to[part], `${live[part]}.new`)
        await rename(`${live[part]}.new`, live[part])
      }
    }
    await point(a)
    const certificates = await open([c, live])
    expect(await shown(certificates, 'a.test')).toBe('a.test')
    await point(b)
    await until(
      'the new pair is used',
      async () => (await shown(certificates, 'b.test')) === 'b.test',
    )
    expect(await shown(certificates, 'a.test')).toBe('c.test')
    expect(facts.map((fact) => 'name' in fact && fact.name)).toEqual(['c.test', 'a.test', 'b.test'])
  })

  test('a certificate whose key comes a moment later is no mistake', async () => {
    // By this clock no time passes until a pair that does not fit is told, however busy the machine
    // is.
    const now = Date.now()
    const certificates = await open([await writePair('old.test', 'mx')], () => now)
    const next = await writePair('new.test')
    await writeFile(join(directory, 'mx.pem'), await readFile(next.cert))
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await shown(certificates)).toBe('old.test')
    await writeFile(join(directory, 'mx.key'), await readFile(next.key))
    await until('the new pair is used', async () => (await shown(certificates)) === 'new.test')
    expect(kept()).toEqual([])
  })

  test('a pair that stays wrong keeps the old one and is told once; the next good one is taken', async () => {
    const files = await writePair('old.test', 'mx')
    const certificates = await open([files])
    await writeFile(files.cert, 'half a certific')
    await until('it is told', () => kept().length > 0)
    expect(kept()).toEqual([
      `${files.cert}: holds no certificate in PEM form ("-----BEGIN CERTIFICATE-----")`,
    ])
    // Another event beside the same content says nothing new.
    await writeFile(join(directory, 'other'), '')
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(kept()).toHaveLength(1)
    expect(certificates.kept).toBe(1)
    expect(await shown(certificates)).toBe('old.test')
    await writePair('new.test', 'mx')
    await until('the new pair is used', async () => (await shown(certificates)) === 'new.test')
    expect(kinds()).toEqual(['certificateLoaded', 'certificateKept', 'certificateLoaded'])
    await until('none is kept', () => certificates.kept === 0)
  })

  test('whoever puts the old files back has mended it: no certificate is kept any more', async () => {
    const files = await writePair('old.test', 'mx')
    const certificates = await open([files])
    const good = await readFile(files.cert)
    await writeFile(files.cert, 'half a certific')
    await until('it is kept', () => certificates.kept === 1)
    await writeFile(files.cert, good)
    await until('none is kept', () => certificates.kept === 0)
    expect(kinds()).toEqual(['certificateLoaded', 'certificateKept'])
  })
})

describe('reload', () => {
  test.each<[string, (files: PemPair) => Promise<unknown>, RegExp]>([
    [
      'a key of another pair',
      async ({ key }) => await writeFile(key, (await makeSelfSigned('b.test', 0)).key),
      /is not the key/,
    ],
    ['a missing file', async ({ cert }) => await rm(cert), /there is no such file/],
    ['an empty file', async ({ key }) => await writeFile(key, ''), /holds no private key/],
  ])('says at once what is wrong: %s', async (_, spoil, why) => {
    const files = await writePair('mx.test')
    const certificates = await open([files])
    await spoil(files)
    await certificates.reload()
    expect(kept()).toEqual([expect.stringMatching(why)])
    expect(await shown(certificates)).toBe('mx.test')
  })

  test('takes what is right although another pair is wrong', async () => {
    const [a, b] = [await writePair('a.test'), await writePair('b.test')]
    const certificates = await open([a, b])
    await writeFile(a.cert, '')
    await writePair('new.test', 'b.test')
    await certificates.reload()
    expect(await shown(certificates)).toBe('a.test')
    expect(await shown(certificates, 'new.test')).toBe('new.test')
  })

  test('is nothing that fails after close', async () => {
    const files = await writePair('mx.test')
    const certificates = await open([files])
    await certificates.close()
    await rm(files.cert)
    await certificates.reload()
    expect(kinds()).toEqual(['certificateLoaded'])
  })
})

describe('the end of a certificate', () => {
  const end = Date.now() + 825 * day - 3_600_000

  test.each([
    [15, 0],
    [13, 1],
    [-1, 1],
  ])('%i days before it: %i warnings at the start', async (days, warnings) => {
    await open([await writePair('mx.test')], () => end - days * day)
    expect(kinds().filter((kind) => kind === 'certificateExpires')).toHaveLength(warnings)
  })

  test('is told again a day later, and no more once it was renewed', async () => {
    let now = end - 10 * day
    const files = await writePair('mx.test')
    const certificates = await open([files], () => now)
    const warned = (): number => kinds().filter((kind) => kind === 'certificateExpires').length
    expect(warned()).toBe(1)
    now += 2 * day
    await certificates.reload()
    expect(warned()).toBe(2)
    await writePair('mx.test', 'mx.test', now)
    await certificates.reload()
    expect(warned()).toBe(2)
  })

  test('the self-signed one is made anew 30 days before it', async () => {
    let now = Date.now()
    const certificates = await open([], () => now)
    const before = certificates.all[0].expiresAt
    now += 800 * day
    await certificates.reload()
    expect(certificates.all[0].expiresAt - before).toBe(800 * day)
    expect(await shown(certificates)).toBe('own.test')
    expect(kinds()).toEqual(['certificateLoaded', 'certificateLoaded'])
  })
})
