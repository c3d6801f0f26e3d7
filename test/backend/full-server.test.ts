/**
 * A server that is at its own limit of connections: it is full, and not down; messages wait for the
 * connections that there are.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Neighbours, noNeighbours } from '../../src/backend/endpoints/room.ts'
import type { Fact } from '../../src/facts/fact.ts'
import { type FakeBackendOptions, startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import { type Begun, openBackend, type OpenBackend, recipients } from './backend-session.ts'
import { wholeText } from './whole-text.ts'

const text = wholeText('Subject: x\r\n\r\nhello\r\n')
const health = { ejectMs: 200, ejectAtMostMs: 800, askEveryMs: 60_000 }

async function send(begun: Begun): Promise<readonly string[]> {
  await begun.envelope(recipients(1))
  return [...begun.told, ...(await begun.deliver(begun.order([0]), text))]
}

const kinds = (facts: readonly Fact[]): Set<string> => new Set(facts.map(({ kind }) => kind))

const taken: readonly unknown[] = [
  'mail 250 2.1.0 Ok',
  'rcpt 0 250 2.1.5 Ok',
  expect.stringMatching(/^250 /),
]
const allTaken = (count: number): unknown[] => Array.from({ length: count }, () => taken)

const notDown = ({ backend, facts }: OpenBackend): void => {
  expect(kinds(facts)).not.toContain('backendEjected')
  expect(backend.trouble()).toBeUndefined()
}

type How = NonNullable<FakeBackendOptions['limit']>['how']

describe.each<How>(['421', '451', '421 at MAIL', 'queue', 'close'])('it says so by: %s', (how) => {
  // One that says nothing is known by that alone.
  const connectTimeoutMs = how === 'queue' ? 8000 : 30_000

  test('more messages than it has room for at a time are all taken, and it is not down', async () => {
    await using server = await startFakeBackend({ limit: { connections: 3, how } })
    await using open = openBackend(server, { maxConnections: 50, connectTimeoutMs, health })
    const answers = await Promise.all(
      Array.from({ length: 30 }, async () => await send(open.begin())),
    )
    expect(answers).toEqual(allTaken(30))
    expect(server.delivered).toHaveLength(30)
    notDown(open)
  })

  test('clients that take their time yield their connections to others', async () => {
    await using server = await startFakeBackend({ limit: { connections: 2, how } })
    await using open = openBackend(server, {
      maxConnections: 50,
      connectTimeoutMs,
      health,
      now: Date.now,
    })
    const slow = [
      await open.begin().envelope(recipients(1)),
      await open.begin().envelope(recipients(1)),
    ]
    const others = await Promise.all(
      Array.from({ length: 4 }, async () => await send(open.begin())),
    )
    expect(others).toEqual(allTaken(4))
    for (const begun of slow)
      expect(await begun.deliver(begun.order([0]), text)).toEqual([expect.stringMatching(/^250 /)])
    notDown(open)
  })
})

test('its limit is remembered: it is not asked for more with each message', async () => {
  await using server = await startFakeBackend({ limit: { connections: 2 } })
  await using open = openBackend(server, {
    maxConnections: 50,
    health: { ...health, ejectMs: 300_000 },
  })
  for (let i = 0; i < 3; i++)
    await Promise.all(Array.from({ length: 10 }, async () => await send(open.begin())))
  const before = server.connections.length
  for (let i = 0; i < 5; i++)
    await Promise.all(Array.from({ length: 10 }, async () => await send(open.begin())))
  expect(server.connections.length).toBe(before)
  expect(open.facts.findLast(({ kind }) => kind === 'backendFull')).toMatchObject({
    server: server.url,
    connections: 2,
  })
})

test('it has more room later: that is found out, one by one', async () => {
  const limit = { connections: 2 }
  await using server = await startFakeBackend({ limit })
  await using open = openBackend(server, { maxConnections: 50, health })
  await Promise.all(Array.from({ length: 10 }, async () => await send(open.begin())))
  limit.connections = 8
  const held: Begun[] = []
  for (let i = 0; i < 8; i++) held.push(await open.begin().envelope(recipients(1)))
  expect(held.map(({ told }) => told.length)).toEqual(held.map(() => 2))
  expect(server.open()).toBe(8)
  notDown(open)
})

test('it has less room later: what is left serves', async () => {
  const limit = { connections: 6 }
  await using server = await startFakeBackend({ limit })
  await using open = openBackend(server, { maxConnections: 50, idleTimeoutMs: 50, health })
  await Promise.all(Array.from({ length: 10 }, async () => await send(open.begin())))
  await until('the idle ones are left', () => server.open() === 0)
  limit.connections = 1
  const answers = await Promise.all(
    Array.from({ length: 10 }, async () => await send(open.begin())),
  )
  expect(answers).toEqual(allTaken(10))
  notDown(open)
})

test('others have all its room, and we have none: it can not be told from one that is down', async () => {
  await using server = await startFakeBackend({ limit: { connections: 0 } })
  await using open = openBackend(server, { health })
  expect((await open.begin().envelope([])).told).toEqual([
    expect.stringMatching(/^mail 451 4\.4\.1 .*retry=/),
  ])
  expect(kinds(open.facts)).toContain('backendEjected')
})

test.each<How>(['421', '421 at MAIL'])(
  'another process has all its room, and the news of that is late: its end is waited for (%s)',
  async (how) => {
    await using server = await startFakeBackend({ limit: { connections: 1, how } })
    await using other = openBackend(server, { health })
    const busy = await other.begin().envelope(recipients(1))
    let elsewhere = 0
    const neighbours: Neighbours = {
      ...noNeighbours,
      others: 1,
      elsewhere: (key) => (key.startsWith('backend connections ') ? elsewhere : 0),
    }
    await using open = openBackend(server, { neighbours, health })
    const begun = open.begin()
    const sent = begun.envelope(recipients(1))
    await until('it was turned away', () => server.connections.length === 2)
    await pause(500)
    elsewhere = 1
    await pause(300)
    expect(await busy.deliver(busy.order([0]), text)).toEqual([expect.stringMatching(/^250 /)])
    await other.backend.close()
    elsewhere = 0
    await sent
    expect([...begun.told, ...(await begun.deliver(begun.order([0]), text))]).toEqual(taken)
    notDown(open)
  },
)

test('who waits for too long hears 451, and the log why; the server is not down for that', async () => {
  await using server = await startFakeBackend({ limit: { connections: 1 } })
  await using open = openBackend(server, { connectTimeoutMs: 400, health })
  const busy = await open.begin().envelope(recipients(1))
  expect((await open.begin().envelope([])).told).toEqual([
    expect.stringMatching(/^mail 451 4\.4\.1 /),
  ])
  const why = 'all connections are busy, and the server takes no more than 1 at the moment'
  expect(open.facts).toContainEqual(
    expect.objectContaining({ kind: 'backendFailed', step: 'connect', why }),
  )
  expect(await busy.deliver(busy.order([0]), text)).toEqual([expect.stringMatching(/^250 /)])
  notDown(open)
})

test('a full server is no reason to use the next priority; one of the same priority has room', async () => {
  await using full = await startFakeBackend({ limit: { connections: 1 } })
  await using alike = await startFakeBackend({ limit: { connections: 1 } })
  await using next = await startFakeBackend()
  const servers = [full, alike, next].map(({ port, url }, i) => ({
    host: '127.0.0.1',
    port,
    url,
    priority: i === 2 ? 1 : 0,
  }))
  await using open = openBackend(full, { servers, random: () => 0, health })
  const answers = await Promise.all(
    Array.from({ length: 12 }, async () => await send(open.begin())),
  )
  expect(answers).toEqual(allTaken(12))
  expect(full.delivered.length + alike.delivered.length).toBe(12)
  expect(alike.delivered.length).toBeGreaterThan(0)
  expect(next.connections).toHaveLength(0)
})

test('421 in mid-session is no reason to leave the server alone while it answers on others', async () => {
  await using server = await startFakeBackend({ limit: { connections: 2 } })
  await using open = openBackend(server, { health: { ...health, askEveryMs: 20 } })
  const [one, other] = [await open.begin().envelope(recipients(1)), open.begin()]
  server.rule({ on: 'RCPT', having: '<1@x>', say: '421 4.3.2 not now', then: 'close' })
  await other.envelope(recipients(2))
  expect(other.told[2]).toMatch(/^rcpt 1 /)
  other.transaction.abandon()
  expect(await one.deliver(one.order([0]), text)).toEqual([expect.stringMatching(/^250 /)])
  await pause(200)
  notDown(open)
})

test('one that is down although a connection to it is left is found out: it refuses new ones and says nothing on that', async () => {
  await using server = await startFakeBackend()
  await using open = openBackend(server, { connectTimeoutMs: 100, health })
  const left = await open.begin().envelope(recipients(1))
  await pause(300)
  server.rule({ on: 'connect', silent: true })
  expect((await open.begin().envelope([])).told).toEqual([
    expect.stringMatching(/^mail 451 4\.4\.1 /),
  ])
  expect(kinds(open.facts)).toContain('backendEjected')
  left.transaction.abandon()
})
