/** Connections that are kept: who gets which, for how long, and what happens when there is none. */
import { afterEach, describe, expect, test } from 'vitest'
import type { Lent, NotLent } from '../../../src/backend/pool/lending.ts'
import { Pool, type PoolOptions } from '../../../src/backend/pool/pool.ts'
import type { Fact } from '../../../src/facts/fact.ts'
import { type FakeBackend, startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'

const pools: Pool[] = []
afterEach(() => {
  for (const pool of pools.splice(0)) pool.close()
})

interface TestPool {
  readonly pool: Pool
  readonly facts: Fact[]
  clock: number
}

function poolOf(servers: readonly FakeBackend[], options: Partial<PoolOptions> = {}): TestPool {
  const facts: Fact[] = []
  const made: Omit<TestPool, 'pool'> = { facts, clock: 1_000_000 }
  const pool = new Pool({
    servers: servers.map(({ port, url }) => ({ host: '127.0.0.1', port, url })),
    clientAddress: 'none',
    helo: 'mx.test',
    connectTimeoutMs: 30_000,
    replyTimeoutMs: 30_000,
    maxConnections: 10,
    idleTimeoutMs: 60_000,
    maxTransactions: 100,
    maxErrors: 100,
    onFact: (fact) => facts.push(fact),
    now: () => made.clock,
    ...options,
  })
  pools.push(pool)
  return Object.assign(made, { pool })
}

const borrow = async (pool: Pool, fresh = false): Promise<Lent | NotLent> =>
  await new Promise((resolve) => pool.borrow({ fresh }, resolve))

async function lend(pool: Pool, fresh = false): Promise<Lent> {
  const lent = await borrow(pool, fresh)
  if ('failed' in lent) throw new Error(lent.failed)
  return lent
}

const say = async (lent: Lent, line: string): Promise<void> =>
  await new Promise((resolve) => lent.connection.command(line, () => resolve()))

describe('a connection given back', () => {
  test('is lent again', async () => {
    await using backend = await startFakeBackend()
    const { pool } = poolOf([backend])
    const first = await lend(pool)
    expect(first.reused).toBe(false)
    pool.giveBack(first)
    const second = await lend(pool)
    expect(second).toMatchObject({ reused: true, server: backend.url })
    expect(second.connection).toBe(first.connection)
    expect(backend.connections).toHaveLength(1)
  })

  test('last comes first, so that the others may end', async () => {
    await using backend = await startFakeBackend()
    const { pool } = poolOf([backend])
    const [one, two] = [await lend(pool), await lend(pool)]
    pool.giveBack(one)
    pool.giveBack(two)
    expect((await lend(pool)).connection).toBe(two.connection)
    expect((await lend(pool)).connection).toBe(one.connection)
  })

  test('twice is counted once', async () => {
    await using backend = await startFakeBackend()
    const { pool } = poolOf([backend])
    const lent = await lend(pool)
    pool.giveBack(lent)
    pool.giveBack(lent)
    expect(pool.counts()).toEqual([{ server: backend.url, busy: 0, idle: 1 }])
  })

  test('is not lent to who wants a fresh one', async () => {
    await using backend = await startFakeBackend()
    const { pool } = poolOf([backend])
    pool.giveBack(await lend(pool))
    expect((await lend(pool, true)).reused).toBe(false)
    expect(pool.counts()).toEqual([{ server: backend.url, busy: 1, idle: 1 }])
  })

  test('makes room for a fresh one when there is no other room', async () => {
    await using backend = await startFakeBackend()
    const { pool } = poolOf([backend], { maxConnections: 1 })
    pool.giveBack(await lend(pool))
    expect((await lend(pool, true)).reused).toBe(false)
    await until('the old one is left', () => backend.open() === 1)
    expect(backend.connections).toHaveLength(2)
  })

  test('is left when it was idle for too long', async () => {
    await using backend = await startFakeBackend()
    const { pool } = poolOf([backend], { idleTimeoutMs: 20 })
    pool.giveBack(await lend(pool))
    await until('it is left', () => backend.open() === 0)
    expect(backend.lines()).toContain('QUIT')
    expect(pool.counts()).toEqual([{ server: backend.url, busy: 0, idle: 0 }])
  })

  test('is forgotten when the backend ends it', async () => {
    await using backend = await startFakeBackend()
    const { pool } = poolOf([backend], { maxConnections: 1 })
    pool.giveBack(await lend(pool))
    backend.connections[0]?.socket.end('421 4.4.2 idle\r\n')
    await until('it is forgotten', () => pool.counts()[0]?.idle === 0)
    expect((await lend(pool)).reused).toBe(false)
  })

  test('is left when it has served often enough', async () => {
    await using backend = await startFakeBackend()
    const { pool } = poolOf([backend], { maxTransactions: 2 })
    for (let transaction = 0; transaction < 2; transaction++) {
      const lent = await lend(pool)
      lent.connection.transactions++
      pool.giveBack(lent)
    }
    await until('it is left', () => backend.open() === 0)
    expect(backend.lines()).toContain('QUIT')
    expect((await lend(pool)).reused).toBe(false)
  })

  test('is left when the backend has refused enough: it would be slowed down', async () => {
    await using backend = await startFakeBackend({ rules: [{ on: 'RCPT', say: '550 5.1.1 no' }] })
    const { pool } = poolOf([backend], { maxErrors: 3 })
    const lent = await lend(pool)
    for (let i = 0; i < 3; i++) await say(lent, 'RCPT TO:<a@x>')
    pool.giveBack(lent)
    await until('it is left', () => backend.open() === 0)
  })
})

describe('max_connections', () => {
  test('who comes too late waits, and gets the next that is given back, in turn', async () => {
    await using backend = await startFakeBackend()
    const { pool } = poolOf([backend], { maxConnections: 2 })
    const [one, two] = [await lend(pool), await lend(pool)]
    const served: string[] = []
    const third = lend(pool).then((lent) => (served.push('third'), lent))
    const fourth = lend(pool).then((lent) => (served.push('fourth'), lent))
    pool.giveBack(two)
    expect((await third).connection).toBe(two.connection)
    pool.giveBack(one)
    expect((await fourth).connection).toBe(one.connection)
    expect(served).toEqual(['third', 'fourth'])
    expect(backend.connections).toHaveLength(2)
  })

  test('a lost connection makes room too', async () => {
    await using backend = await startFakeBackend()
    const { pool } = poolOf([backend], { maxConnections: 1 })
    const one = await lend(pool)
    const waiting = lend(pool)
    one.connection.destroy('test')
    expect((await waiting).reused).toBe(false)
  })

  test('who waits too long hears why', async () => {
    await using backend = await startFakeBackend()
    const { pool, facts } = poolOf([backend], { maxConnections: 1, connectTimeoutMs: 1000 })
    await lend(pool)
    expect(await borrow(pool)).toEqual({
      failed: 'all 1 connections are busy (backend.pool.max_connections)',
    })
    expect(facts).toContainEqual(
      expect.objectContaining({ kind: 'backendFailed', server: backend.url, step: 'connect' }),
    )
  })

  test('is kept through any order of events, and every place is free again in the end', async () => {
    await using backend = await startFakeBackend()
    const { pool } = poolOf([backend], { maxConnections: 3 })
    let most = 0
    const one = async (n: number): Promise<void> => {
      const lent = await lend(pool, n % 5 === 0)
      most = Math.max(most, backend.open())
      if (n % 4 === 0) lent.connection.destroy('test')
      else if (n % 7 === 0) await say(lent, 'NOOP')
      pool.giveBack(lent)
    }
    await Promise.all(Array.from({ length: 60 }, async (_, n) => await one(n)))
    expect(most).toBeGreaterThan(0)
    expect(pool.counts()[0]?.busy).toBe(0)
    const all = await Promise.all([lend(pool), lend(pool), lend(pool)])
    expect(new Set(all.map(({ connection }) => connection)).size).toBe(3)
    // Connections that are being left may still be closing at the backend's end.
    await until('three are open', () => backend.open() === 3)
  })
})

describe('several servers', () => {
  const fast = { ejectMs: 20, ejectAtMostMs: 40, askEveryMs: 60_000 }

  test('one that fails at its greeting: the next one, and nobody notices', async () => {
    await using first = await startFakeBackend({
      rules: [{ on: 'connect', say: '421 4.3.2 no', then: 'close' }],
    })
    await using second = await startFakeBackend()
    const { pool, facts } = poolOf([first, second], { random: () => 0 })
    expect((await lend(pool)).server).toBe(second.url)
    expect(facts).toMatchObject([
      { kind: 'backendFailed', server: first.url, step: 'connect', why: 'greeting: 421 4.3.2 no' },
      { kind: 'backendEjected', server: first.url, address: '127.0.0.1', forMs: 5000 },
      { kind: 'backendConnected', server: second.url },
    ])
    expect(pool.servers()).toMatchObject([
      { server: first.url, usable: false, trouble: 'greeting: 421 4.3.2 no' },
      { server: second.url, usable: true },
    ])
  })

  test('one that failed is asked in the background, and used again when it answers', async () => {
    const down = { on: 'connect' as const, say: '421 4.3.2 no', then: 'close' as const }
    await using first = await startFakeBackend({
      rules: [1, 2, 3].map((nth) => ({ ...down, nth })),
    })
    await using second = await startFakeBackend()
    const { pool, facts } = poolOf([first, second], { random: () => 0, health: fast })
    expect((await lend(pool)).server).toBe(second.url)
    await until('it answers', () => facts.some(({ kind }) => kind === 'backendReturned'))
    expect(facts.filter(({ kind }) => kind === 'backendFailed')).toHaveLength(3)
    expect(facts.filter(({ kind }) => kind === 'backendEjected')).toHaveLength(1)
    expect(await lend(pool)).toMatchObject({ server: first.url, reused: true })
  })

  test('one that is ejected loses its idle connections', async () => {
    await using first = await startFakeBackend()
    await using second = await startFakeBackend()
    const { pool } = poolOf([first, second], { random: () => 0 })
    pool.giveBack(await lend(pool))
    first.rule({ on: 'connect', say: '554 5.3.2 no', then: 'close' })
    expect((await lend(pool, true)).server).toBe(second.url)
    await until('its connection is left', () => first.open() === 0)
    expect(pool.counts()).toEqual([
      { server: first.url, busy: 0, idle: 0 },
      { server: second.url, busy: 1, idle: 0 },
    ])
  })

  test('the last one is tried rather than refused', async () => {
    await using only = await startFakeBackend({
      rules: [{ on: 'connect', nth: 1, say: '421 4.3.2 no', then: 'close' }],
    })
    const { pool } = poolOf([only])
    expect(await borrow(pool)).toHaveProperty('failed')
    expect(pool.trouble()).toBe(`${only.url}: greeting: 421 4.3.2 no`)
    expect((await lend(pool)).server).toBe(only.url)
    expect(pool.trouble()).toBeUndefined()
  })

  test('of a better priority come first, and again as soon as they answer', async () => {
    const down = { on: 'connect' as const, nth: 1, say: '421 4.3.2 no', then: 'close' as const }
    await using fallback = await startFakeBackend()
    await using main = await startFakeBackend({ rules: [down] })
    const servers = [
      { host: '127.0.0.1', port: fallback.port, url: fallback.url, priority: 20 },
      { host: '127.0.0.1', port: main.port, url: main.url, priority: 10 },
    ]
    const { pool } = poolOf([], { servers, health: fast })
    const lent = await lend(pool)
    expect(lent.server).toBe(fallback.url)
    await until('the main one answers', () => pool.servers().every(({ usable }) => usable))
    pool.giveBack(lent)
    expect((await lend(pool)).server).toBe(main.url)
  })

  test('share by weight, also what is kept', async () => {
    await using one = await startFakeBackend()
    await using three = await startFakeBackend()
    const servers = [one, three].map(({ port, url }, i) => ({
      host: '127.0.0.1',
      port,
      url,
      weight: i === 0 ? 1 : 3,
    }))
    let turn = 0
    const { pool } = poolOf([], { servers, random: () => (turn++ % 8) / 8 })
    const used: string[] = []
    for (let i = 0; i < 40; i++) {
      const lent = await lend(pool)
      used.push(lent.server)
      pool.giveBack(lent)
    }
    const share = used.filter((server) => server === one.url).length
    expect(share).toBeGreaterThanOrEqual(8)
    expect(share).toBeLessThanOrEqual(12)
    expect([one.connections.length, three.connections.length]).toEqual([1, 1])
  })

  test('per_server: the next one of the same priority, and then waiting', async () => {
    await using first = await startFakeBackend()
    await using second = await startFakeBackend()
    const { pool } = poolOf([first, second], { perServer: 1, random: () => 0 })
    const [a, b] = [await lend(pool), await lend(pool)]
    expect([a.server, b.server]).toEqual([first.url, second.url])
    const waiting = lend(pool)
    pool.giveBack(b)
    expect((await waiting).connection).toBe(b.connection)
    expect([first.connections.length, second.connections.length]).toEqual([1, 1])
  })

  test('all fail: each is named with its reason', async () => {
    await using first = await startFakeBackend({
      rules: [{ on: 'connect', say: '554 5.7.1 no', then: 'close' }],
    })
    await using second = await startFakeBackend({ rules: [{ on: 'connect', raw: 'hello?\r\n' }] })
    const { pool } = poolOf([first, second], { random: () => 0 })
    expect(await borrow(pool)).toEqual({
      failed: `${first.url}: greeting: 554 5.7.1 no; ${second.url}: expected an SMTP reply, got "hello?"`,
    })
    expect(pool.counts().every(({ busy, idle }) => busy === 0 && idle === 0)).toBe(true)
  })
})

describe('closing', () => {
  test('ends what is idle, lent, being opened and waited for', async () => {
    const greeting = Promise.withResolvers<undefined>()
    await using backend = await startFakeBackend({
      rules: [{ on: 'connect', connection: 3, hold: greeting.promise }],
    })
    const { pool } = poolOf([backend], { maxConnections: 3 })
    const lent = await lend(pool)
    pool.giveBack(await lend(pool, true))
    const opening = borrow(pool, true)
    await until('the third is being opened', () => backend.connections.length === 3)
    const reused = await lend(pool)
    const waiting = borrow(pool)
    pool.giveBack(reused)
    const got = await waiting
    expect(got).not.toHaveProperty('failed')
    const stillWaiting = borrow(pool)
    pool.close()
    expect(await opening).toEqual({ failed: 'shutting down' })
    expect(await stillWaiting).toEqual({ failed: 'shutting down' })
    expect(await borrow(pool)).toEqual({ failed: 'shutting down' })
    expect(lent.connection.alive).toBe(false)
    greeting.resolve(undefined)
    await until('all are closed', () => backend.open() === 0)
  })
})
