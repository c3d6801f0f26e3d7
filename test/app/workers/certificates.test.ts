/**
 * Certificates on their way from the primary to its workers: all have the same keys for tickets,
 * and a configuration that is not used leaves those of the one in force.
 */
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { CertificatesHere } from '../../../src/app/workers/certificates-here.ts'
import { CertificatesOfWorkers } from '../../../src/app/workers/certificates-of-workers.ts'
import type { Lease } from '../../../src/app/leases.ts'
import type { Config } from '../../../src/config/config.ts'
import { parseConfig } from '../../../src/config/load.ts'
import type { CertificateTexts } from '../../../src/tls/given-certificates.ts'
import { makeSelfSigned } from '../../../src/tls/self-signed.ts'
import type { WatchedCertificates } from '../../../src/tls/watched-certificates.ts'

const ticketKeys = new Uint8Array(48)
let [a, b]: CertificateTexts['pairs'][] = []
beforeAll(async () => {
  const [one, other] = await Promise.all(
    ['a.test', 'b.test'].map(async (name) => {
      const files = { cert: `${name}.pem`, key: `${name}.key` }
      return [{ pem: await makeSelfSigned(name, Date.now()), files }]
    }),
  )
  a = one
  b = other
})
beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const textsOf = (pairs: CertificateTexts['pairs'] = []): CertificateTexts => ({ pairs, ticketKeys })

function configOf(tls: string, cert: string): Config {
  const loaded = parseConfig(
    `hostname: mx.test\nlisten: [{ address: "127.0.0.1:0", tls: ${tls} }]\n` +
      `tls: { certificates: [{ cert: ${cert}.pem, key: ${cert}.key }] }\n`,
    '/etc/rcptwise/config.yaml',
  )
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  return loaded.config
}

const namesOf = (lease: Awaited<ReturnType<CertificatesHere['lease']>>): readonly string[] =>
  lease?.part.all.map(({ file }) => file) ?? []

test('a worker serves with what it was given for its configuration, and with what comes for that later', async () => {
  const here = new CertificatesHere()
  here.give(textsOf(a))
  const lease = await here.lease(configOf('starttls', 'a'))
  const before = lease?.part.contextFor('a.test')
  here.use(textsOf(b))
  expect(namesOf(lease)).toEqual(['b.test.pem'])
  expect(lease?.part.contextFor('a.test')).not.toBe(before)
})

test('without a listener that speaks TLS there are none', async () => {
  const here = new CertificatesHere()
  here.give(undefined)
  expect(await here.lease(configOf('off', 'a'))).toBeUndefined()
})

test('what was given for a configuration that is not used is taken back', async () => {
  const here = new CertificatesHere()
  here.give(textsOf(a))
  const inForce = await here.lease(configOf('starttls', 'a'))
  const takeBack = here.give(textsOf(b))
  const refused = await here.lease(configOf('starttls', 'b'))
  await refused?.release()
  takeBack()
  here.use(textsOf(a))
  expect(namesOf(inForce)).toEqual(['a.test.pem'])
  expect(namesOf(refused)).toEqual(['b.test.pem'])
})

test('a configuration with the same certificates goes on with them, in their newest form', async () => {
  const here = new CertificatesHere()
  here.give(textsOf(a))
  const first = await here.lease(configOf('starttls', 'a'))
  here.give(textsOf(b))
  const second = await here.lease(configOf('starttls', 'a'))
  expect(second?.part).toBe(first?.part)
  expect(namesOf(first)).toEqual(['b.test.pem'])
})

/** Only what a primary needs of them. */
function leaseOf(texts: CertificateTexts['pairs'] = []): Lease<WatchedCertificates> & {
  readonly released: () => number
} {
  let released = 0
  const release = async (): Promise<void> => {
    released++
    await Promise.resolve()
  }
  const part = { texts } as unknown as WatchedCertificates
  return { part, release, [Symbol.asyncDispose]: release, released: () => released }
}

test('a primary tells all workers the same keys for tickets, and new ones each day and with each certificate', async () => {
  const told: CertificateTexts[] = []
  const lease = leaseOf(a)
  const certificates = new CertificatesOfWorkers(lease, (texts) => told.push(texts))
  const first = certificates.textsOf(lease)
  expect(certificates.textsOf(lease)).toEqual(first)
  vi.advanceTimersByTime(24 * 3_600_000)
  certificates.renew()
  const keys = [first, ...told].map((texts) => Buffer.from(texts?.ticketKeys ?? []).toString('hex'))
  expect(new Set(keys).size).toBe(3)
  expect(told.map(({ pairs }) => pairs)).toEqual([a, a])
  await certificates.close()
  vi.advanceTimersByTime(48 * 3_600_000)
  expect(told).toHaveLength(2)
  expect(lease.released()).toBe(1)
})

test('a primary lets go of those of the configuration before, once the workers have the next', async () => {
  const told: CertificateTexts[] = []
  const [before, after] = [leaseOf(a), leaseOf(b)]
  const certificates = new CertificatesOfWorkers(before, (texts) => told.push(texts))
  await certificates.use(after)
  expect(told.map(({ pairs }) => pairs)).toEqual([b])
  expect([before.released(), after.released()]).toEqual([1, 0])
  await certificates.use(undefined)
  expect(told).toHaveLength(1)
  expect(after.released()).toBe(1)
  await certificates.close()
})
