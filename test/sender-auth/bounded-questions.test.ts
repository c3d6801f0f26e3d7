/**
 * What a message may cost the DNS: bounded for one message, for one client and in all, whatever the
 * message and the records say.
 */
import { createHash, generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { dkimSign } from 'mailauth/lib/dkim/sign.js'
import { describe, expect, test } from 'vitest'
import { DnsQuestions } from '../../src/app/dns-questions.ts'
import { parseConfig } from '../../src/config/load.ts'
import { alone } from '../../src/listen/shared-limits.ts'
import type { QuestionAllowance, Resolve } from '../../src/sender-auth/questions.ts'
import { KnownAnswers } from '../../src/sender-auth/known-answers.ts'
import { chooseSignatures } from '../../src/sender-auth/signatures.ts'
import { createVoucher, dnsResolve } from '../../src/sender-auth/spf-dkim.ts'
import type { Vouching } from '../../src/sender-auth/sender-auth.ts'
import { startTxtServer } from '../support/txt-server.ts'
import { runs } from '../support/properties.ts'

const unlimited: QuestionAllowance = { take: () => true }
const body = 'Buy one.\r\n'
const bodyHash = createHash('sha256').update(body).digest('base64')

const signature = (domain: string, selector: string, more = ''): string =>
  `DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=${domain}; s=${selector}; h=from;${more}\r\n bh=${bodyHash}; b=AAAA\r\n`

const unknown = (): KnownAnswers =>
  new KnownAnswers({ keptMs: 0, mostOctets: 1_000_000, now: Date.now })

interface Asking {
  readonly known?: KnownAnswers
  readonly clientAddress?: string
  readonly mostQuestions?: number
  readonly allowance?: QuestionAllowance
}

async function vouch(header: string, resolve: Resolve, asking: Asking = {}): Promise<Vouching> {
  const { clientAddress = '192.0.2.1', mostQuestions = 30, allowance = unlimited } = asking
  const { known = unknown() } = asking
  const limits = {
    limitMs: 60_000,
    headerBytes: 1024 * 1024,
    mostSignatures: 5,
    mostQuestions,
    allowance,
    known,
  }
  const voucher = createVoucher({ by: ['spf', 'dkim'], hostname: 'mx.test', resolve, ...limits })
  return await voucher.vouchFor({
    clientAddress,
    helo: 'client.example',
    reversePath: 'ann@example.org',
    symbols: [],
    async *chunks() {
      yield await Promise.resolve(Buffer.from(`${header}From: ann@example.org\r\n\r\n${body}`))
    },
  })
}

describe('one message', () => {
  test('with 5,000 signatures makes no more questions to a real server than one with five', async () => {
    await using server = await startTxtServer({})
    const header = Array.from({ length: 5000 }, (_, n) =>
      signature(`a${n}.example.org`, `s${n}`),
    ).join('')
    await vouch(header, dnsResolve([server.address], 60_000))
    expect(server.asked).toEqual([
      'example.org',
      ...[0, 1, 2, 3, 4].map((n) => `s${n}._domainkey.a${n}.example.org`),
    ])
  })

  test('with an aligned signature behind 5,000 of somebody else is vouched for, and nobody else is asked for a key', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', {
      modulusLength: 1024,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    })
    const signing = { signingDomain: 'example.org', selector: 's', privateKey }
    const { signatures } = await dkimSign(`From: ann@example.org\r\n\r\n${body}`, {
      ...signing,
      signatureData: [signing],
    })
    const others = Array.from({ length: 5000 }, (_, n) => signature(`a${n}.example`, 's')).join('')
    const asked: string[] = []
    const resolve: Resolve = async (name) => {
      asked.push(name)
      const key = publicKey.replace(/-----[^-]+-----|\s/g, '')
      if (name === 's._domainkey.example.org')
        return [[`v=DKIM1; k=rsa; p=${key.slice(0, 200)}`, key.slice(200)]]
      throw Object.assign(await Promise.resolve(new Error('none')), { code: 'ENOTFOUND' })
    }
    expect(await vouch(`${others}${signatures}`, resolve)).toMatchObject({
      kind: 'vouched',
      by: 'dkim',
    })
    expect(asked).toEqual(['example.org', 's._domainkey.example.org'])
  })

  test.each([
    [
      'includes',
      'v=spf1 include:%{i}.a.example include:b.example include:c.example include:d.example -all',
    ],
    ['hosts', `v=spf1 ${Array.from({ length: 10 }, (_, n) => `a:a${n}.example`).join(' ')} -all`],
    [
      'mail servers',
      `v=spf1 ${Array.from({ length: 10 }, (_, n) => `mx:m${n}.example`).join(' ')} -all`,
    ],
    ['names of the client', 'v=spf1 ptr ptr:a.example ptr:b.example ptr:c.example -all'],
    [
      'macros',
      `v=spf1 ${Array.from({ length: 10 }, (_, n) => `exists:%{ir}.${n}.example`).join(' ')} -all`,
    ],
    ['a redirection to itself', 'v=spf1 redirect=%{d}.example'],
    ['a record of 60 KiB', `v=spf1 ${'exists:%{'.repeat(7000)}`],
  ])('whose SPF record names %s makes no more than dns_questions', async (_name, record) => {
    for (const mostQuestions of [1, 7, 30]) {
      let asked = 0
      const resolve: Resolve = async (_asked, type) => {
        asked++
        const hosts = Array.from({ length: 60 }, (_, n) => `h${n}.example`)
        const mx = hosts.map((exchange, priority) => ({
          exchange,
          priority,
        })) as unknown as string[]
        return await Promise.resolve(
          type === 'TXT'
            ? [[record]]
            : type === 'MX'
              ? mx
              : type === 'PTR'
                ? hosts
                : ['203.0.113.1'],
        )
      }
      await vouch(signature('example.org', 's'), resolve, { mostQuestions })
      expect(asked).toBeLessThanOrEqual(mostQuestions)
    }
  })

  test('for any header section and any records the number of questions is bounded', async () => {
    const names = fc.constantFrom(
      'example.org',
      'a.example.org',
      'b.example',
      'bücher.example.org',
      '',
    )
    const field = fc.oneof(
      fc
        .tuple(names, fc.string({ maxLength: 4 }))
        .map(([domain, selector]) => signature(domain, selector)),
      fc.constantFrom(
        'DKIM-Signature',
        'dkim-signature ',
        'ARC-Seal: i=1;',
        'X: a\n\n',
        'X',
        ' folded',
        '\n',
      ),
    )
    const records = fc.array(
      fc.constantFrom(
        'v=spf1',
        'mx',
        'a',
        'include:x.example',
        'ptr',
        'redirect=y.example',
        '?all',
      ),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(field, { maxLength: 60 }),
        records,
        fc.nat(12),
        async (fields, record, most) => {
          let asked = 0
          const resolve: Resolve = async (_name, type) => {
            asked++
            return await Promise.resolve(type === 'TXT' ? [[record.join(' ')]] : ['h.example'])
          }
          await vouch(fields.join('\r\n'), resolve, { mostQuestions: most + 1 })
          expect(asked).toBeLessThanOrEqual(most + 1)
        },
      ),
      { numRuns: runs(300) },
    )
  })

  test('says in the log which limit was in the way', async () => {
    const resolve: Resolve = async () => await Promise.resolve([['v=spf1 include:a.example -all']])
    const vouching = await vouch('', resolve, { mostQuestions: 1 })
    expect(vouching).toMatchObject({
      kind: 'unvouched',
      why: expect.stringContaining('bounces.dns_questions') as string,
    })
  })
})

describe('what the library is given of a header section', () => {
  test('is bounded for any header section, whatever its fields name', () => {
    const piece = fc.constantFrom(
      'a:\r\n',
      'to: x\r\n y\r\n',
      ' \t'.repeat(3000),
      '\r\n ',
      '\n',
      'b'.repeat(5000),
      ':',
    )
    const named = fc.constantFrom('from:to', 'a:'.repeat(1500), 'b'.repeat(3000))
    const signed = named.map((h) => `DKIM-Signature: d=example.org; s=a; h=${h}\r\n`)
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, signed), { maxLength: 200 }), (pieces) => {
        const chosen = chooseSignatures(Buffer.from(pieces.join('')), 'example.org', 5)
        if (typeof chosen === 'string') return
        expect(chosen.header.length).toBeLessThan(90 * 1024)
        expect(chosen.header.toString('latin1').split('\n').length).toBeLessThanOrEqual(2002)
        expect(chosen.keys.size).toBeLessThanOrEqual(5)
      }),
    )
  })

  test.each([
    [
      'a signature of 300 KiB of blanks',
      signature('example.org', 's', ` x=${' '.repeat(300_000)}y;`),
      'unreadable',
    ],
    [
      'a field of 100,000 lines',
      `${signature('example.org', 's')}From: a${'\r\n a'.repeat(100_000)}\r\n`,
      'the signed header fields are too large',
    ],
    [
      'a hundred thousand fields',
      `${signature('example.org', 's')}${'From: a\r\n'.repeat(100_000)}`,
      'the header section has too many fields',
    ],
  ])('%s is not given to it', (_name, header, why) => {
    expect(chooseSignatures(Buffer.from(header), 'example.org', 5)).toBe(why)
  })
})

describe('one client, and all', () => {
  function configured(limits: string): DnsQuestions {
    const loaded = parseConfig(`limits: { ${limits} }`, 'config.yaml')
    if (!loaded.ok) throw new Error('the limits can not be read')
    return new DnsQuestions(loaded.config, () => 0, alone.rates)
  }

  test('a client has its own questions in a minute, a network of IPv6 together', () => {
    const questions = configured('dns_questions_per_minute: 2')
    const took = [
      '192.0.2.1',
      '192.0.2.1',
      '192.0.2.1',
      '192.0.2.2',
      '2001:db8::1',
      '2001:db8::2',
      '2001:db8::3',
    ]
    expect(took.map((address) => questions.take(address))).toEqual([
      true,
      true,
      false,
      true,
      true,
      true,
      false,
    ])
  })

  test('all together have theirs, and one that is over its own takes none of them', () => {
    const questions = configured('dns_questions_per_minute: 2, all_dns_questions_per_minute: 4')
    for (let n = 0; n < 50; n++) questions.take('192.0.2.1')
    expect(
      ['192.0.2.2', '192.0.2.2', '192.0.2.3'].map((address) => questions.take(address)),
    ).toEqual([true, true, false])
  })

  test('whose questions are used up nobody vouches for', async () => {
    const resolve: Resolve = async () => await Promise.resolve([['v=spf1 +all']])
    const vouching = await vouch('', resolve, { allowance: { take: () => false } })
    expect(vouching).toMatchObject({
      kind: 'unvouched',
      why: expect.stringContaining('dns_questions_per_minute') as string,
    })
  })
})
