/** A database that is killed, held, silent, or does not let us in; and that is back. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type OpenPolicySource, openPolicySource } from '../../../src/app/policy-source.ts'
import type { Fact } from '../../../src/facts/fact.ts'
import type { Answer, RawPolicy } from '../../../src/policy/policy-source.ts'
import type { ServerSettings } from '../../../src/policy/sql/server.ts'
import { nameOfRaw } from '../../policy/breakable.ts'
import { databaseObstacle, type DatabaseServer, startDatabase } from './database-server.ts'
import { fill, settingsOf } from './wishes.ts'

const obstacle = databaseObstacle()
const listening = new AbortController().signal
const limitMs = 1500

describe.skipIf(obstacle !== undefined).each(['postgres', 'mysql'] as const)('%s', (kind) => {
  let server: DatabaseServer
  let facts: Fact[]
  beforeAll(async () => {
    server = await startDatabase(kind)
  }, 120_000)
  afterAll(async () => await server[Symbol.asyncDispose]())
  beforeEach(async () => {
    facts = []
    await fill(server, { 'ann@example.org': 'strict' })
  })

  /** As the product opens it. */
  const open = async (
    change: Partial<ServerSettings> = {},
    staleMs = 0,
  ): Promise<OpenPolicySource> =>
    await openPolicySource(
      {
        kind,
        limitMs,
        server: settingsOf(server, { limitMs, connections: 1, ...change }),
        cache: { foundMs: 0, unknownMs: 0, staleMs, mostRecipients: 100 },
      },
      { onFact: (fact) => facts.push(fact), now: Date.now },
    )
  const ask = async (source: OpenPolicySource, address = 'ann@example.org'): Promise<string> => {
    const [answer] = await source.policiesFor([address], listening)
    return answer === undefined ? 'nothing' : nameOf(answer)
  }

  test('killed, it fails at once; back, it answers', async () => {
    await using closing = new AsyncDisposableStack()
    const source = closing.adopt(await open(), async (one) => await one.close())
    expect(await ask(source)).toBe('strict')
    await server.kill()
    expect(await ask(source)).toMatch(/^failed/)
    await server.startAgain()
    expect(await ask(source)).toBe('strict')
  })

  test('what is known serves while it is away', async () => {
    await using closing = new AsyncDisposableStack()
    const source = closing.adopt(await open({}, 60_000), async (one) => await one.close())
    await ask(source)
    await server.kill()
    expect(await ask(source)).toBe('strict')
    expect(await ask(source, 'bob@example.org')).toMatch(/^failed/)
    await server.startAgain()
    expect(await ask(source, 'bob@example.org')).toBe('unknown')
  })

  test('a question that is held ends in time, and the server does not go on with it', async () => {
    await using closing = new AsyncDisposableStack()
    const source = closing.adopt(await open(), async (one) => await one.close())
    await ask(source)
    const holder = await server.session()
    await holder.run(kind === 'mysql' ? 'LOCK TABLES wishes WRITE' : 'BEGIN')
    if (kind === 'postgres') await holder.run('LOCK TABLE wishes')
    expect(await ask(source)).toMatch(/^failed.*(?:timeout|in time|interrupted)/)
    expect(await ask(source)).toMatch(/^failed/)
    await holder.run(kind === 'mysql' ? 'UNLOCK TABLES' : 'ROLLBACK')
    expect(await ask(source)).toBe('strict')
    await holder[Symbol.asyncDispose]()
  })

  test('a question that takes long at the server ends there, too', async () => {
    const query =
      kind === 'mysql'
        ? 'SELECT address AS recipient FROM wishes WHERE address IN (:keys) AND SLEEP(60) = 0'
        : 'SELECT address AS recipient FROM wishes, pg_sleep(60) WHERE address IN (:keys)'
    await using closing = new AsyncDisposableStack()
    const source = closing.adopt(await open({ query }), async (one) => await one.close())
    expect(await ask(source)).toMatch(/^failed/)
    const busy =
      kind === 'mysql'
        ? "SELECT id FROM information_schema.processlist WHERE info LIKE '%SLEEP(60)%' AND info NOT LIKE '%processlist%'"
        : "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)%' AND query NOT LIKE '%pg_stat%'"
    await expect.poll(async () => await server.run(busy), { timeout: 20_000 }).toEqual([])
  })

  test('a server that says nothing is a failure in time, and nothing waits for it when it is closed', async () => {
    const sockets = new Set<Socket>()
    const silent = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1')
    await sleep(50)
    const source = await open({ port: (silent.address() as AddressInfo).port })
    const answers = Array.from(
      { length: 20 },
      async (_, i) => await ask(source, `u${i}@example.org`),
    )
    for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^failed/)
    await source.close()
    for (const socket of sockets) socket.destroy()
    silent.close()
  })

  test('a connection that has gone silent is not used again: the next question has another one', async () => {
    const sockets: Socket[] = []
    const proxy = createServer((socket) => {
      const upstream = connect(server.port, '127.0.0.1')
      for (const one of [socket, upstream]) sockets.push(one.on('error', () => undefined))
      socket.pipe(upstream)
      upstream.pipe(socket)
    }).listen(0, '127.0.0.1')
    await sleep(50)
    const source = await open({ port: (proxy.address() as AddressInfo).port })
    expect(await ask(source)).toBe('strict')
    // What was sent gets lost, as when a firewall has forgotten the connection.
    for (const socket of sockets) socket.unpipe().pause()
    expect(await ask(source)).toMatch(/^failed.*(?:in time|nobody waits)/)
    expect(await ask(source)).toBe('strict')
    await source.close()
    for (const socket of sockets) socket.destroy()
    proxy.close()
  })

  test.each<[string, Partial<ServerSettings>]>([
    ['a wrong password', { password: 'wrong' }],
    ['no such database', { database: 'none' }],
    ['no such user', { user: "o'brien" }],
    ['nobody listens', { port: 1 }],
    ['no such host', { host: 'nobody.invalid' }],
  ])('%s is a failure with the reason, which has no password', async (_, change) => {
    await using closing = new AsyncDisposableStack()
    const source = closing.adopt(await open(change), async (one) => await one.close())
    const said = await ask(source)
    expect(said).toMatch(/^failed .{8}/)
    expect(said).not.toContain('p4ss')
    expect(source.name).not.toContain('p4ss')
  })

  test('its questions are told with their time, also those that failed', async () => {
    await using closing = new AsyncDisposableStack()
    const source = closing.adopt(await open(), async (one) => await one.close())
    await ask(source)
    expect(facts).toMatchObject([
      { kind: 'policiesAsked', source: `${kind}:mail@127.0.0.1`, recipients: 1 },
    ])
  })
})

const nameOf = (answer: Answer<RawPolicy>): string => {
  if (answer.kind === 'failed') return `failed ${answer.why}`
  return answer.kind === 'unknown' ? 'unknown' : nameOfRaw(answer)
}
