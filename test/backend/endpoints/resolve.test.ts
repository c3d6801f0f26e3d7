/**
 * Names and MX records (RFC 5321 5.1, RFC 7505), without a network; and a pool whose names change.
 */
import { describe, expect, test } from 'vitest'
import { Pool, type PoolOptions } from '../../../src/backend/pool/pool.ts'
import { resolveServer, type Resolver } from '../../../src/backend/endpoints/resolve.ts'
import type { Server } from '../../../src/backend/endpoints/route.ts'
import type { Fact } from '../../../src/facts/fact.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'

interface Zone {
  mx: Record<string, [number, string][] | string>
  hosts: Record<string, string[] | string>
}

/** Answers from tables; a text is an error's code. */
function resolverOf(zone: Partial<Zone>): Resolver {
  const answer = async <T>(value: T | string | undefined, missing: string): Promise<T> => {
    if (value === undefined || typeof value === 'string')
      throw Object.assign(new Error('DNS'), { code: value ?? missing })
    return await Promise.resolve(value)
  }
  return {
    addresses: async (host) => await answer(zone.hosts?.[host], 'ENOTFOUND'),
    exchanges: async (domain) =>
      (await answer(zone.mx?.[domain], 'ENODATA')).map(([priority, exchange]) => ({
        priority,
        exchange,
      })),
  }
}

const smtp = (host: string) => ({ url: `smtp://${host}:25`, host, port: 25 })
const mx = (host: string) => ({ url: `mx://${host}:25`, host, port: 25, mx: true })
const hosts = { 'a.test': ['192.0.2.1', '2001:db8::1'], 'b.test': ['192.0.2.2'] }

test.each<[string, ReturnType<typeof smtp>, Partial<Zone>, string[], string[]]>([
  ['an address', smtp('192.0.2.9'), {}, ['0 192.0.2.9'], []],
  ['all addresses of a name', smtp('a.test'), { hosts }, ['0 192.0.2.1', '0 2001:db8::1'], []],
  ['a name that is none', smtp('no.test'), { hosts }, [], ['the addresses of no.test: ENOTFOUND']],
  [
    'the hosts of MX records, with their preferences',
    mx('example.test'),
    {
      hosts,
      mx: {
        'example.test': [
          [20, 'b.test'],
          [10, 'a.test'],
        ],
      },
    },
    ['20 192.0.2.2', '10 192.0.2.1', '10 2001:db8::1'],
    [],
  ],
  ['no MX record: the domain itself', mx('b.test'), { hosts }, ['0 192.0.2.2'], []],
  [
    'null MX',
    mx('example.test'),
    { hosts, mx: { 'example.test': [[0, '']] } },
    [],
    [
      'example.test takes no mail: it has a null MX (RFC 7505); name its servers, or another domain',
    ],
  ],
  [
    'one host of several has no address',
    mx('example.test'),
    {
      hosts,
      mx: {
        'example.test': [
          [10, 'no.test'],
          [20, 'b.test'],
        ],
      },
    },
    ['20 192.0.2.2'],
    ['the addresses of no.test: ENOTFOUND'],
  ],
  [
    'the look-up fails',
    mx('example.test'),
    { mx: { 'example.test': 'ESERVFAIL' } },
    [],
    ['the MX records of example.test: ESERVFAIL'],
  ],
  [
    'no such domain',
    mx('example.test'),
    { mx: { 'example.test': 'ENOTFOUND' } },
    [],
    ['the MX records of example.test: ENOTFOUND'],
  ],
])('%s', async (_name, ...[server, zone, endpoints, failed]) => {
  const resolved = await resolveServer(server, resolverOf(zone))
  expect(resolved.endpoints.map(({ rank, address }) => `${rank} ${address}`)).toEqual(endpoints)
  expect(resolved.failed.map(({ why }) => why)).toEqual(failed)
})

describe('a pool', () => {
  function poolOf(zone: Partial<Zone>, port: number, more: Partial<PoolOptions> = {}) {
    const facts: Fact[] = []
    const pool = new Pool({
      servers: [{ url: `smtp://mail.test:${port}`, host: 'mail.test', port }],
      clientAddress: 'none',
      helo: 'mx.test',
      connectTimeoutMs: 30_000,
      replyTimeoutMs: 30_000,
      maxConnections: 10,
      idleTimeoutMs: 60_000,
      maxTransactions: 100,
      maxErrors: 100,
      resolveEveryMs: 20,
      resolver: resolverOf(zone),
      random: () => 0,
      onFact: (fact) => facts.push(fact),
      now: () => 1_000_000,
      ...more,
    })
    const borrow = async (): Promise<string> =>
      await new Promise((resolve) =>
        pool.borrow({}, (lent) => {
          if ('failed' in lent) return resolve(lent.failed)
          pool.giveBack(lent)
          resolve(lent.endpoint.address)
        }),
      )
    return { pool, facts, borrow, [Symbol.dispose]: () => pool.close() }
  }

  test('waits for the first answer, and tries all addresses in turn', async () => {
    await using server = await startFakeBackend()
    using test = poolOf({ hosts: { 'mail.test': ['::1', '127.0.0.1'] } }, server.port, {
      random: () => 0,
    })
    expect(await test.borrow()).toBe('127.0.0.1')
    expect(test.facts).toContainEqual(
      expect.objectContaining({ kind: 'backendEjected', address: '::1' }),
    )
  })

  test('follows a name to its new addresses, and keeps the last ones while nobody answers', async () => {
    await using server = await startFakeBackend()
    const zone: Pick<Zone, 'hosts'> = { hosts: { 'mail.test': ['127.0.0.1'] } }
    using test = poolOf(zone, server.port)
    expect(await test.borrow()).toBe('127.0.0.1')
    zone.hosts['mail.test'] = 'ESERVFAIL'
    const failed = (fact: Fact): boolean => fact.kind === 'backendFailed' && fact.step === 'resolve'
    await until('a look-up fails', () => test.facts.some(failed))
    expect(test.pool.trouble()).toBeUndefined()
    expect(await test.borrow()).toBe('127.0.0.1')
    zone.hosts['mail.test'] = ['127.0.0.2']
    await until('the old connection is left', () => server.connections[0]?.ended === true)
    expect(test.pool.servers().map(({ address }) => address)).toEqual([`127.0.0.2:${server.port}`])
  })

  test('a name that is none: temporary trouble, in words', async () => {
    using test = poolOf({}, 25)
    expect(await test.borrow()).toBe('smtp://mail.test:25: the addresses of mail.test: ENOTFOUND')
    expect(test.pool.servers()).toMatchObject([
      { usable: false, trouble: 'the addresses of mail.test: ENOTFOUND' },
    ])
  })

  test('the MX hosts of a domain, best preference first', async () => {
    await using server = await startFakeBackend()
    const zone = {
      mx: {
        'example.test': [
          [20, 'b.test'],
          [10, 'a.test'],
        ] satisfies [number, string][],
      },
      hosts: { 'a.test': ['127.0.0.1'], 'b.test': ['127.0.0.2'] },
    }
    const servers = [
      { url: 'mx://example.test', host: 'example.test', port: server.port, mx: true },
    ]
    using test = poolOf(zone, server.port, { servers })
    expect(await test.borrow()).toBe('127.0.0.1')
    expect(test.pool.servers()).toHaveLength(2)
  })

  /** Its name server is silent. */
  const silent: Resolver = {
    addresses: async () => await new Promise(() => undefined),
    exchanges: async () => await new Promise(() => undefined),
  }
  const named = [smtp('silent.test'), mx('silent.test')]

  test.each([
    ['the first', (literal: Server) => [literal, ...named]],
    ['the last', (literal: Server) => [...named, literal]],
  ])(
    'backends.md: “Mail to a server whose address is known does not wait for the names of others” (%s)',
    async (_name, order) => {
      await using server = await startFakeBackend()
      const servers = order({ url: 'smtp://127.0.0.1', host: '127.0.0.1', port: server.port })
      using test = poolOf({}, server.port, { servers, resolver: silent })
      expect(await test.pool.probe()).toBeUndefined()
      expect(await test.borrow()).toBe('127.0.0.1')
      expect(test.pool.servers()).toContainEqual(
        expect.objectContaining({ trouble: 'not resolved yet' }),
      )
    },
  )

  test('a name that is answered does not wait for one that is not', async () => {
    await using server = await startFakeBackend()
    const { port } = server
    const servers = ['silent.test', 'mail.test'].map((host) => ({
      url: `smtp://${host}`,
      host,
      port,
    }))
    const resolver: Resolver = {
      ...silent,
      addresses: async (host) =>
        await (host === 'mail.test' ? Promise.resolve(['127.0.0.1']) : silent.addresses(host)),
    }
    using test = poolOf({}, port, { servers, resolver })
    expect(await test.pool.probe()).toBeUndefined()
    expect(await test.borrow()).toBe('127.0.0.1')
    expect(test.pool.servers()).toContainEqual(
      expect.objectContaining({ trouble: 'not resolved yet' }),
    )
  })
})
