/** Real signatures and records, from a resolver made of a table: no question leaves the test. */
import { generateKeyPairSync } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { dkimSign } from 'mailauth/lib/dkim/sign.js'
import { describe, expect, test } from 'vitest'
import { KnownAnswers } from '../../src/sender-auth/known-answers.ts'
import type { Resolve } from '../../src/sender-auth/questions.ts'
import { createVoucher, type VoucherOptions } from '../../src/sender-auth/spf-dkim.ts'
import type { VouchedMessage } from '../../src/sender-auth/sender-auth.ts'

const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 1024,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
})
const key = publicKey.replace(/-----[^-]+-----|\s/g, '')

const records: Readonly<Record<string, string>> = {
  'example.org': 'v=spf1 ip4:192.0.2.0/24 -all',
  'xn--bcher-kva.example': 'v=spf1 ip4:192.0.2.1 -all',
  'soft.example': 'v=spf1 ~all',
  'helo.example': 'v=spf1 ip4:192.0.2.1 -all',
  's1._domainkey.example.org': `v=DKIM1; k=rsa; p=${key}`,
  's1._domainkey.mail.example.org': `v=DKIM1; k=rsa; p=${key}`,
  'test._domainkey.example.org': `v=DKIM1; k=rsa; t=y; p=${key}`,
  's1._domainkey.elsewhere.example': `v=DKIM1; k=rsa; p=${key}`,
}
const asked: string[] = []
const resolve: Resolve = async (name, type) => {
  asked.push(`${name} ${type}`)
  const record = type === 'TXT' ? records[name] : undefined
  if (record === undefined)
    throw Object.assign(new Error(`no ${type} of ${name}`), { code: 'ENOTFOUND' })
  return await Promise.resolve([[record.slice(0, 200), record.slice(200)]])
}

const text = 'From: Ann <ann@example.org>\r\nSubject: offer\r\n\r\nBuy one.\r\nBuy two.\r\n'

async function signed(
  signingDomain: string,
  selector = 's1',
  maxBodyLength?: number,
): Promise<string> {
  const limit = maxBodyLength === undefined ? {} : { maxBodyLength }
  const signature = { signingDomain, selector, privateKey, ...limit }
  const { signatures } = await dkimSign(text, { ...signature, signatureData: [signature] })
  return `${signatures}${text}`
}

function message(
  differences: Partial<VouchedMessage> & { readonly octets?: string } = {},
): VouchedMessage {
  const { octets = text, ...others } = differences
  return {
    clientAddress: '198.51.100.9',
    helo: 'client.example',
    reversePath: 'ann@example.org',
    symbols: [],
    // In small pieces: what is found must not depend on them.
    async *chunks() {
      for (let at = 0; at < octets.length; at += 7)
        yield await Promise.resolve(Buffer.from(octets.slice(at, at + 7)))
    },
    ...others,
  }
}

const voucher = (options: Partial<VoucherOptions> = {}) =>
  createVoucher({
    by: ['spf', 'dkim'],
    hostname: 'mx.test',
    limitMs: 60_000,
    headerBytes: 65_536,
    mostSignatures: 5,
    mostQuestions: 30,
    allowance: { take: () => true },
    known: new KnownAnswers({ keptMs: 0, mostOctets: 1_000_000, now: Date.now }),
    resolve,
    ...options,
  })

const byOf = async (
  about: VouchedMessage,
  options: Partial<VoucherOptions> = {},
): Promise<string> => {
  const vouching = await voucher(options).vouchFor(about)
  return vouching.kind === 'vouched' ? vouching.by : `no: ${vouching.why}`
}

describe('SPF', () => {
  test.each([
    ['a client that the domain names', { clientAddress: '192.0.2.7' }, 'spf'],
    ['an IPv4 client in IPv6 form', { clientAddress: '::ffff:192.0.2.7' }, 'spf'],
    ['another client', {}, 'no: spf fail'],
    [
      'a domain in Unicode',
      { clientAddress: '192.0.2.1', reversePath: 'ann@bücher.example' },
      'spf',
    ],
    [
      'softfail is no pass',
      { clientAddress: '192.0.2.1', reversePath: 'ann@soft.example' },
      'no: spf softfail',
    ],
    ['no record', { reversePath: 'ann@nothing.example' }, 'no: spf none'],
    [
      'the record of HELO says nothing of the reverse-path',
      { clientAddress: '192.0.2.1', helo: 'helo.example', reversePath: 'ann@nothing.example' },
      'no: spf none',
    ],
    [
      'an address literal',
      { reversePath: 'ann@[192.0.2.1]', clientAddress: '192.0.2.1' },
      'no: null sender',
    ],
    [
      'the null reverse-path',
      { reversePath: '', helo: 'helo.example', clientAddress: '192.0.2.1' },
      'no: null sender',
    ],
  ])('%s', async (_name, differences, expected) => {
    expect(await byOf(message(differences), { by: ['spf'] })).toBe(expected)
  })
})

describe('DKIM', () => {
  test.each([
    ['of the same domain', ['example.org', 's1'], 'ann@example.org', 'dkim'],
    ['of a name below', ['mail.example.org', 's1'], 'ann@example.org', 'dkim'],
    ['for a reverse-path below', ['example.org', 's1'], 'bounces@lists.example.org', 'dkim'],
    ['of somebody else', ['elsewhere.example', 's1'], 'ann@example.org', 'no: dkim not aligned'],
    [
      'of a domain that is trying it out',
      ['example.org', 'test'],
      'ann@example.org',
      'no: dkim covers a part only, or is a test',
    ],
    ['without its key', ['example.org', 'gone'], 'ann@example.org', 'no: dkim neutral'],
  ] as const)('a signature %s', async (_name, [domain, selector], reversePath, expected) => {
    const octets = await signed(domain, selector)
    expect(await byOf(message({ octets, reversePath }), { by: ['dkim'] })).toBe(expected)
  })

  test('an aligned one among others is found', async () => {
    const other = await signed('elsewhere.example')
    const octets = `${other.slice(0, -text.length)}${await signed('example.org')}`
    expect(await byOf(message({ octets }), { by: ['dkim'] })).toBe('dkim')
  })

  test('a changed text', async () => {
    const octets = (await signed('example.org')).replace('Buy two', 'Buy ten')
    expect(await byOf(message({ octets }), { by: ['dkim'] })).toMatch(/^no: dkim (?:neutral|fail)$/)
  })

  test('a signature over the beginning of the body only, with something behind it', async () => {
    const octets = await signed('example.org', 's1', 10)
    expect(await byOf(message({ octets }), { by: ['dkim'] })).toBe(
      'no: dkim covers a part only, or is a test',
    )
  })

  test('no signature', async () => expect(await byOf(message())).toBe('no: spf fail, dkim none'))
})

describe('the symbols of a judge', () => {
  const trusting = { by: ['symbols', 'spf', 'dkim'] } as const
  test.each([
    ['SPF_PASS', 'ann@anything.example', 'symbols'],
    ['DKIM_VALID_AU', 'bounces@news.example.org', 'symbols'],
    ['DKIM_VALID_AU', 'ann@anything.example', 'no: symbols not aligned, spf none, dkim none'],
    ['R_DKIM_ALLOW', 'ann@anything.example', 'no: symbols none, spf none, dkim none'],
  ])('%s for %s', async (symbol, reversePath, expected) => {
    expect(await byOf(message({ symbols: [symbol], reversePath }), trusting)).toBe(expected)
  })

  test('they count only when that is configured', async () => {
    expect(await byOf(message({ symbols: ['SPF_PASS'] }))).toBe('no: spf fail, dkim none')
  })

  test('nothing is looked up when they are enough', async () => {
    asked.length = 0
    await byOf(message({ symbols: ['SPF_PASS'] }), trusting)
    expect(asked).toEqual([])
  })
})

describe('trouble', () => {
  test('a resolver that never answers', async () => {
    const silent: Resolve = async () => await new Promise(() => undefined)
    const vouching = await voucher({ resolve: silent, limitMs: 50 }).vouchFor(message())
    expect(vouching.kind).toBe('unvouched')
  })

  test('nobody waits any more', async () => {
    const silent: Resolve = async () => await new Promise(() => undefined)
    const gone = new AbortController()
    const vouching = voucher({ resolve: silent }).vouchFor(message(), gone.signal)
    await sleep(1)
    gone.abort()
    expect((await vouching).kind).toBe('unvouched')
  })

  test('a resolver that fails', async () => {
    const failing: Resolve = async () =>
      await Promise.reject(Object.assign(new Error('broken'), { code: 'ESERVFAIL' }))
    expect(
      await byOf(message({ octets: await signed('example.org') }), { resolve: failing }),
    ).toMatch(/^no: spf temperror, dkim temperror$/)
  })

  test('a text that can not be read', async () => {
    const unreadable = message({
      async *chunks() {
        yield await Promise.resolve(Buffer.from('From: '))
        throw new Error('the text is not complete')
      },
    })
    expect(await byOf(unreadable)).toMatch(/^no: spf fail, dkim .*not complete/)
  })
})
