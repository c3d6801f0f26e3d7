/** A service over HTTP as a source: what it is asked, what it may say, and its bad days. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type HttpSettings, httpStore } from '../../../src/policy/http/http-store.ts'
import { aliasesRead, keyedSource, policiesRead } from '../../../src/policy/keyed/keyed-source.ts'
import type { PolicySource } from '../../../src/policy/policy-source.ts'
import { makeSelfSigned } from '../../../src/tls/self-signed.ts'
import { nameOfRaw } from '../breakable.ts'
import { describePolicySource } from '../source.contract.ts'
import { policyService, type PolicyService, type ServiceOptions } from './policy-service.ts'

const listening = new AbortController().signal
let closing = new AsyncDisposableStack()
afterEach(async () => {
  await closing.disposeAsync()
  closing = new AsyncDisposableStack()
})

const settingsOf = (
  { server }: PolicyService,
  change: Partial<HttpSettings> = {},
): HttpSettings => ({ server, connections: 2, answerLimitBytes: 1 << 20, ...change })

function sourceOf(service: PolicyService, change: Partial<HttpSettings> = {}): PolicySource {
  const source = keyedSource(httpStore(settingsOf(service, change), policiesRead), policiesRead)
  closing.defer(async () => await source.close())
  return source
}

const serve = async (options: ServiceOptions = {}): Promise<PolicyService> =>
  closing.use(await policyService(options))
const ask = async (source: PolicySource, ...recipients: readonly string[]) =>
  await source.policiesFor(recipients, listening)

describePolicySource('a service over HTTP', {
  async open(entries) {
    const service = await policyService({ entries })
    const source = keyedSource(httpStore(settingsOf(service), policiesRead), policiesRead)
    return {
      source,
      breakIt: async () => await service[Symbol.asyncDispose](),
      end: async () => {
        await source.close()
        await service[Symbol.asyncDispose]()
      },
    }
  },
  nameOf: nameOfRaw,
})

const entries = {
  'ann@example.org': 'strict',
  '@example.org': { tag_at: 5, spamd: { reject_at: 8 } },
  'bob@example.org': { policy: 'careful', reject_at: '9.5', never_defer: null },
  'eve@example.org': { reject_at: null, tag_at: 4 },
  'odd@example.org': { colour: 'red' },
  'list@example.org': ['strict'],
  'none@example.net': null,
}

describe('what it says of a recipient', () => {
  test.each<[string, unknown]>([
    ['Ann+x@example.org', { kind: 'named', name: 'strict' }],
    ['joe@example.org', { kind: 'values', tagAt: 5, scorers: { spamd: { rejectAt: 8 } } }],
    [
      'bob@example.org',
      { kind: 'values', rejectAt: 9.5, behind: { kind: 'named', name: 'careful' } },
    ],
    [
      // What it says null of is the next, less special key's, then the next source's.
      'eve@example.org',
      {
        kind: 'values',
        tagAt: 4,
        behind: { kind: 'values', scorers: { spamd: { rejectAt: 8 } } },
        open: ['rejectAt'],
      },
    ],
    ['odd@example.org', { kind: 'wrong', why: 'colour: is nothing that a policy can say' }],
    ['list@example.org', { kind: 'wrong', why: 'policy: got strict, expected a name' }],
    ['none@example.net', { kind: 'unknown' }],
  ])('%s', async (recipient, expected) => {
    const source = sourceOf(await serve({ entries }))
    expect(await ask(source, recipient, 'joe@example.org')).toEqual([
      expected,
      { kind: 'values', tagAt: 5, scorers: { spamd: { rejectAt: 8 } } },
    ])
  })

  test('mailboxes as text or as a list, where it is asked for aliases', async () => {
    const service = await serve({
      entries: {
        'info@example.org': ['ann@example.org', 'bob@example.org'],
        'team@example.org': 'ann@example.org, carol@example.org',
        '@old.example': 'example.org',
        'odd@example.org': [1, '|cat'],
      },
    })
    const source = keyedSource(httpStore(settingsOf(service), aliasesRead), aliasesRead)
    closing.defer(async () => await source.close())
    const recipients = [
      'info@example.org',
      'team@example.org',
      'ann@old.example',
      'odd@example.org',
    ]
    expect(await source.policiesFor(recipients, listening)).toEqual([
      { kind: 'alias', key: 'info@example.org', to: ['ann@example.org', 'bob@example.org'] },
      { kind: 'alias', key: 'team@example.org', to: ['ann@example.org', 'carol@example.org'] },
      { kind: 'alias', key: '@old.example', to: ['@example.org'] },
      { kind: 'unknown' },
    ])
  })
})

describe('what it is asked', () => {
  test('a thousand recipients are one POST, with the token', async () => {
    const service = await serve({ entries })
    const many = Array.from({ length: 1000 }, (_, i) => `u${i}+x@example.net`)
    const answers = await ask(sourceOf(service, { token: 's3cret' }), ...many, 'ann@example.org')
    expect(answers.at(-1)).toEqual({ kind: 'named', name: 'strict' })
    expect(service.questions.length).toBe(1)
    expect(service.questions[0]?.slice(0, 3)).toEqual([
      'u0+x@example.net',
      'u0@example.net',
      '@example.net',
    ])
    expect(service.fields[0]).toMatchObject({
      authorization: 'Bearer s3cret',
      'content-type': 'application/json',
    })
  })

  test('over TLS with an authority of its own, and over a Unix socket', async () => {
    const { cert, key } = await makeSelfSigned('127.0.0.1', Date.now())
    const secure = await serve({ entries, tls: { cert, key } })
    expect(await ask(sourceOf(secure, { ca: cert }), 'ann@example.org')).toMatchObject([
      { kind: 'named' },
    ])
    expect(await ask(sourceOf(secure), 'ann@example.org')).toMatchObject([
      { kind: 'failed', why: expect.stringMatching(/SELF_SIGNED|UNABLE_TO/) as string },
    ])
    const directory = mkdtempSync(join(tmpdir(), 'rcptwise-http-'))
    closing.defer(() => rmSync(directory, { recursive: true }))
    const local = await serve({ entries, socketPath: join(directory, 'socket') })
    expect(await ask(sourceOf(local), 'ann@example.org')).toMatchObject([{ kind: 'named' }])
  })

  test('connections are kept, and there are no more than `connections` of them', async () => {
    const service = await serve({ entries })
    const source = sourceOf(service)
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => await ask(source, `u${i}@example.net`)),
    )
    await ask(source, 'ann@example.org')
    expect(service.connections()).toBeLessThanOrEqual(2)
  })

  test('a kept connection that the service has closed costs nothing', async () => {
    const service = await serve({ entries })
    const source = sourceOf(service)
    for (let i = 0; i < 20; i++) {
      expect(await ask(source, 'ann@example.org')).toMatchObject([{ kind: 'named' }])
      service.dropAll()
    }
  })
})

describe('on a bad day it has failed, and the next question is answered', () => {
  test.each<[string, NonNullable<PolicyService['instead']>, RegExp]>([
    [
      'an error',
      (response) => response.writeHead(500).end('{"error": "no database"}'),
      /^HTTP 500 no database$/,
    ],
    [
      'a wrong token',
      (response) => response.writeHead(401).end('who are you?'),
      /^HTTP 401 who are you\?$/,
    ],
    ['no such place', (response) => response.writeHead(404).end(), /^HTTP 404/],
    ['a redirection', (response) => response.writeHead(302, { Location: '/x' }).end(), /^HTTP 302/],
    ['no JSON', (response) => response.end('<html>'), /no JSON/],
    ['a list', (response) => response.end('[]'), /no object/],
    ['another object', (response) => response.end('{}'), /no object "recipients"/],
    [
      'recipients as a list',
      (response) => response.end('{"recipients":[]}'),
      /no object "recipients"/,
    ],
    [
      'too much',
      (response) => response.end(`{"recipients":{"a":"${'x'.repeat(2 << 20)}"}}`),
      /more than 1048576 octets/,
    ],
    [
      'half an answer',
      (response) =>
        void response
          .writeHead(200, { 'Content-Length': 100 })
          .write('{"re', () => response.destroy()),
      /./,
    ],
    ['none', (response) => void response.destroy(), /./],
  ])('%s', async (_, instead, why) => {
    const service = await serve({ entries })
    const source = sourceOf(service)
    service.instead = instead
    expect(await ask(source, 'ann@example.org')).toMatchObject([
      { kind: 'failed', why: expect.stringMatching(why) as string },
    ])
    service.instead = undefined
    expect(await ask(source, 'ann@example.org')).toMatchObject([{ kind: 'named' }])
  })

  test('one that says nothing ends when nobody waits any more, also for those behind it', async () => {
    const service = await serve({ entries })
    const source = sourceOf(service, { connections: 1 })
    service.instead = () => undefined
    const waiting = new AbortController()
    const answers = [
      source.policiesFor(['a@example.net'], waiting.signal),
      source.policiesFor(['b@example.net'], waiting.signal),
    ]
    await expect.poll(() => service.questions.length).toBe(1)
    waiting.abort()
    for (const answer of answers) expect(await answer).toMatchObject([{ kind: 'failed' }])
    service.instead = undefined
    expect(await ask(source, 'ann@example.org')).toMatchObject([{ kind: 'named' }])
  })
})

test('what stands in an address stays an address', async () => {
  const odd = [
    `"}],"x":["@example.net`,
    `quote"@example.net`,
    `back\\slash@example.net`,
    `nul\0@example.net`,
    `line\r\nX-Injected: yes@example.net`,
    `ü💌@example.net`,
    `%2e%2e/@example.net`,
    `*@example.net`,
    `(a)@example.net`,
    `__proto__@example.net`,
  ]
  const service = await serve({ entries })
  const answers = await ask(sourceOf(service), ...odd, 'ann@example.org')
  expect(answers.map(({ kind }) => kind)).toEqual([...odd.map(() => 'unknown'), 'named'])
  const asked = service.questions[0] ?? []
  for (const address of odd.filter((each) => !each.includes('\0')))
    expect(asked).toContain(address.toLowerCase())
})
