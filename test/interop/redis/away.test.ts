/**
 * The ledger while its server is away in every way we know: nobody who calls notices, one alarm,
 * and everything is written back.
 *
 *   ledger ─▶ (proxy) ─▶ redis-server 7.0 (Debian 12), alone, as replica or as cluster
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Fact } from '../../../src/facts/fact.ts'
import type { Ledger } from '../../../src/ledger/ledger.ts'
import { openRedisLedger, type RedisLedgerOptions } from '../../../src/ledger/redis/redis.ts'
import {
  changed,
  closed,
  ids,
  manyRecipients,
  minute,
  splitOf,
  start,
} from '../../ledger/splits.ts'
import { freePort } from '../../support/lab/ports.ts'
import { until } from '../../support/lab/until.ts'
import { redisObstacle, startRedis, type RedisServer } from './redis-server.ts'
import { startSlowProxy } from './slow-proxy.ts'

const day = 24 * 60 * minute

describe.skipIf(redisObstacle() !== undefined)('the server of the ledger', () => {
  let opened: Ledger[]
  let servers: RedisServer[]
  let facts: Fact[]

  beforeEach(() => {
    opened = []
    servers = []
    facts = []
  })
  afterEach(async () => {
    for (const ledger of opened) await ledger.close()
    for (const server of servers) await server[Symbol.asyncDispose]()
  })

  async function serve(settings: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
    const server = await startRedis(settings)
    servers.push(server)
    return server
  }
  async function open(url: string, options: Partial<RedisLedgerOptions> = {}): Promise<Ledger> {
    const ledger = await openRedisLedger({
      place: { kind: 'server', url },
      prefix: 'rcptwise:',
      patienceMs: 5 * day,
      keepMs: day,
      onFact: (fact) => facts.push(fact),
      clock: () => start,
      retryMs: 50,
      ...options,
    })
    opened.push(ledger)
    return ledger
  }

  const kinds = (): string[] => facts.map((fact) => fact.kind)
  const troubles = (): string[] =>
    facts.flatMap((fact) => (fact.kind === 'ledgerTrouble' ? [fact.why] : []))
  const back = async (ledger: Ledger): Promise<void> => {
    await until('the ledger is durable again', () => ledger.durable)
  }
  const recall = async (ledger: Ledger): Promise<string[]> =>
    ids(await ledger.recall('sender@example.net', 'a@example.org'))
  const override = { peer: 'bulk', strategy: 'off', setAt: start, by: 'admin' } as const

  test('was killed and started again: what was written meanwhile is there, what was not kept is gone', async () => {
    const server = await serve()
    const ledger = await open(server.url)
    await ledger.save(splitOf('before'))
    await server.kill()
    await until('it is noticed', () => !ledger.durable)
    expect(troubles()).toEqual([
      expect.stringMatching(
        new RegExp(
          `^redis://127\\.0\\.0\\.1:${server.port}/0: .+; splits are kept in memory until it can be used$`,
        ),
      ),
    ])
    expect(await ledger.save(splitOf('during'))).toEqual({ saved: true })
    expect(await ledger.save(splitOf('during'))).toEqual({ saved: false })
    expect(await ledger.save(changed(splitOf('before'), { idleAttempts: 5 }))).toEqual({
      saved: true,
    })
    expect((await recall(ledger)).toSorted()).toEqual(['before', 'during'])
    await ledger.setOverride(override)
    expect(ledger.overrides()).toEqual([override])
    await server.startAgain()
    await back(ledger)
    expect(kinds()).toEqual(['ledgerTrouble', 'ledgerRecovered'])
    const other = await open(server.url)
    expect(ids(await other.openSplits(10)).toSorted()).toEqual(['before', 'during'])
    expect((await other.find('before'))?.idleAttempts).toBe(5)
    expect(other.overrides()).toEqual([override])
    expect(await ledger.countOpen()).toEqual([{ peer: 'default', strategy: 'group', count: 2 }])
  })

  test('was killed and has kept its data: what it held is known again', async () => {
    const server = await serve({ appendonly: 'yes', appendfsync: 'always' })
    const ledger = await open(server.url)
    for (let n = 0; n < 200; n += 1)
      await ledger.save(splitOf(`s${n}`, { messageId: 'x'.repeat(1000) }))
    await server.kill()
    // Nothing is known of these, so that senders are new; nothing is lost either.
    await until('it is noticed', () => !ledger.durable)
    expect(await recall(ledger)).toEqual([])
    await server.startAgain()
    await back(ledger)
    expect(await recall(ledger)).toHaveLength(200)
    expect(kinds()).toEqual(['ledgerTrouble', 'ledgerRecovered'])
  })

  test('is not there at the start: the ledger opens all the same, and finds it later', async () => {
    const server = await serve()
    await server.kill()
    const ledger = await open(server.url)
    expect(ledger.durable).toBe(false)
    expect(troubles()).toEqual([expect.stringContaining('ECONNREFUSED')])
    await ledger.save(splitOf('it'))
    await server.startAgain()
    await back(ledger)
    expect(await recall(await open(server.url))).toEqual(['it'])
  })

  test('refuses the password: the log says so, and never says the password', async () => {
    const server = await serve({ requirepass: 'secret' })
    const ledger = await open(`redis://:wrong@127.0.0.1:${server.port}`)
    expect(ledger.durable).toBe(false)
    expect(await ledger.save(splitOf('it'))).toEqual({ saved: true })
    expect(troubles()).toEqual([expect.stringMatching(/WRONGPASS .*refuses user or password/)])
    expect((await open(server.url)).durable).toBe(true)
    await open(`redis://127.0.0.1:${server.port}`)
    expect(troubles()[1]).toMatch(/NOAUTH .*wants a password/)
    expect(JSON.stringify(facts)).not.toMatch(/wrong@|secret/)
  })

  test('is full: nothing is lost, and all of it is written once there is room', async () => {
    const server = await serve({ maxmemory: '2mb', 'maxmemory-policy': 'noeviction' })
    const ledger = await open(server.url)
    let count = 0
    const save = async (): Promise<void> => {
      expect(await ledger.save(splitOf(`s${count++}`, { messageId: 'x'.repeat(2000) }))).toEqual({
        saved: true,
      })
    }
    while (ledger.durable && count < 5000) await save()
    expect(troubles()).toEqual([expect.stringMatching(/OOM .*the server is full/)])
    for (let n = 0; n < 100; n += 1) await save()
    await server.ask('CONFIG', 'SET', 'maxmemory', '100mb')
    await back(ledger)
    expect(kinds()).toEqual(['ledgerTrouble', 'ledgerRecovered'])
    expect(await ledger.openSplits(10_000)).toHaveLength(count)
    expect(await ledger.countOpen()).toEqual([{ peer: 'default', strategy: 'group', count }])
  })

  test('is full: a split can be closed and forgotten there, which makes room', async () => {
    const server = await serve()
    const ledger = await open(server.url)
    const [one, other] = [splitOf('one'), splitOf('other', { recipients: manyRecipients(200) })]
    await ledger.save(one)
    await ledger.save(other)
    await server.ask('CONFIG', 'SET', 'maxmemory', '1')
    expect(await ledger.save(closed(one, start))).toEqual({ saved: true })
    expect(await ledger.save(closed(other, start))).toEqual({ saved: true })
    expect(await ledger.forget(start + 1, 10)).toBe(2)
    expect(facts).toEqual([])
  })

  test('became a replica: the ledger goes on, and uses it once it is primary again', async () => {
    const server = await serve()
    const ledger = await open(server.url)
    await server.ask('REPLICAOF', '127.0.0.1', String(await freePort()))
    expect(await ledger.save(splitOf('it'))).toEqual({ saved: true })
    expect(troubles()).toEqual([
      expect.stringMatching(/READONLY .*let the address lead to the primary/),
    ])
    await server.ask('REPLICAOF', 'NO', 'ONE')
    await back(ledger)
    expect(await recall(await open(server.url))).toEqual(['it'])
  })

  test('reads its data: the ledger waits for it in memory', async () => {
    const server = await serve({
      'key-load-delay': '1000',
      'loading-process-events-interval-bytes': '1024',
    })
    await server.ask('DEBUG', 'POPULATE', '20000')
    const ledger = await open(server.url)
    const loading = server.ask('DEBUG', 'RELOAD')
    await until('it is noticed', async () => {
      await ledger.save(splitOf(`s${Math.random()}`))
      return troubles()[0]
    })
    expect(troubles()).toEqual([expect.stringMatching(/LOADING|no answer/)])
    await server.ask('CONFIG', 'SET', 'key-load-delay', '0').catch(() => undefined)
    await loading.catch(() => undefined)
    await back(ledger)
  })

  test('says nothing any more: every call is answered from memory', async () => {
    const server = await serve()
    await using proxy = await startSlowProxy(server.port)
    const ledger = await open(proxy.url, { timeoutMs: 1000 })
    await ledger.save(splitOf('before'))
    proxy.hold()
    const recalled = ledger.recall('s@example.net', 'a@example.org')
    const saves = await Promise.all(
      Array.from(
        { length: 1000 },
        async (_, n) => await ledger.save(splitOf(`s${n}`, { startedAt: start + n })),
      ),
    )
    expect(saves.filter(({ saved }) => saved)).toHaveLength(1000)
    expect(await recalled).toEqual([])
    expect(ledger.durable).toBe(false)
    expect(await ledger.openSplits(2000)).toHaveLength(1000)
    expect(troubles()).toEqual([expect.stringContaining('no answer within 1000 ms')])
    proxy.release()
    await back(ledger)
    // The server had made the saves, though nobody heard of it.
    expect(await ledger.openSplits(2000)).toHaveLength(1001)
    expect(await ledger.countOpen()).toEqual([{ peer: 'default', strategy: 'group', count: 1001 }])
    expect((await ledger.find('s7'))?.version).toBe(1)
    expect(kinds()).toEqual(['ledgerTrouble', 'ledgerRecovered'])
  })

  test('says nothing when nobody asks either: it is noticed', async () => {
    const server = await serve()
    await using proxy = await startSlowProxy(server.port)
    const ledger = await open(proxy.url, { timeoutMs: 1000 })
    proxy.hold()
    await until('it is noticed', () => !ledger.durable)
    proxy.release()
    await back(ledger)
  })

  test('takes connections and says nothing at the start: the ledger opens in time', async () => {
    const server = await serve()
    await using proxy = await startSlowProxy(server.port)
    proxy.hold()
    const ledger = await open(proxy.url, { timeoutMs: 1000 })
    expect(ledger.durable).toBe(false)
    expect(troubles()).toEqual([expect.stringContaining('no answer within 1000 ms')])
    await until('it is tried again', () => proxy.connections() > 2)
    expect(troubles()).toHaveLength(1)
  })

  test('is back with newer versions than memory has: those stay', async () => {
    const server = await serve()
    await using proxy = await startSlowProxy(server.port)
    const [away, other] = [await open(proxy.url, { timeoutMs: 1000 }), await open(server.url)]
    for (const id of ['theirs', 'ours', 'both']) await other.save(splitOf(id))
    proxy.hold()
    await until('it is noticed', () => !away.durable)
    await away.save(changed(splitOf('theirs'), { idleAttempts: 1 }))
    await away.save(changed(changed(splitOf('ours')), { idleAttempts: 1 }))
    await away.save(changed(splitOf('both'), { idleAttempts: 1, lastAttemptAt: start + 2 }))
    await other.save(changed(splitOf('theirs'), { idleAttempts: 2 }))
    await other.save(changed(changed(splitOf('theirs')), { idleAttempts: 2 }))
    await other.save(changed(splitOf('ours'), { idleAttempts: 2 }))
    await other.save(changed(splitOf('both'), { idleAttempts: 2, lastAttemptAt: start + 1 }))
    await other.setOverride({ ...override, strategy: 'lenient', setAt: start + 2 })
    await away.setOverride({ ...override, setAt: start + 1 })
    proxy.release()
    await back(away)
    expect((await other.find('theirs'))?.idleAttempts).toBe(2)
    expect((await other.find('ours'))?.idleAttempts).toBe(1)
    // Of one version the later attempt stays, as a version that neither side has.
    expect(await other.find('both')).toMatchObject({ idleAttempts: 1, version: 3 })
    expect(away.overrides()).toMatchObject([{ strategy: 'lenient' }])
  })

  test('is back before the ledger is closed: what was held is written then', async () => {
    const server = await serve()
    const ledger = await open(server.url, { retryMs: 3_600_000 })
    await server.kill()
    await ledger.save(splitOf('it'))
    await server.startAgain()
    await ledger.close()
    expect(await recall(await open(server.url))).toEqual(['it'])
  })

  test('is a cluster: the ledger finds the node that has its keys, also when they have moved', async () => {
    const bus = String(await freePort())
    const one = await serve({ 'cluster-enabled': 'yes', 'cluster-port': String(await freePort()) })
    // A primary stays one when it has no slot left.
    const settings = {
      'cluster-enabled': 'yes',
      'cluster-port': bus,
      'cluster-allow-replica-migration': 'no',
    }
    const other = await serve(settings)
    const slot = String(await one.ask('CLUSTER', 'KEYSLOT', '{rcptwise:3}:'))
    const rest = ['0', String(Number(slot) - 1), String(Number(slot) + 1), '16383']
    await one.ask('CLUSTER', 'ADDSLOTSRANGE', ...rest)
    await other.ask('CLUSTER', 'ADDSLOTS', slot)
    await one.ask('CLUSTER', 'MEET', '127.0.0.1', String(other.port), bus)
    const knows = async (node: RedisServer): Promise<boolean> =>
      String(await node.ask('CLUSTER', 'SLOTS')).includes(
        `${slot},${slot},127.0.0.1,${other.port}`,
      ) && String(await node.ask('CLUSTER', 'INFO')).includes('cluster_state:ok')
    await until(
      'both nodes know who has the slot',
      async () => (await knows(one)) && (await knows(other)),
    )
    const ledger = await open(one.url)
    expect(troubles()).toEqual([])
    expect(ledger.durable).toBe(true)
    await ledger.save(splitOf('it'))
    expect(await other.ask('EXISTS', '{rcptwise:3}:s:it')).toBe(1)

    const [id, from] = [
      String(await one.ask('CLUSTER', 'MYID')),
      String(await other.ask('CLUSTER', 'MYID')),
    ]
    await other.ask('FLUSHALL')
    // Only who imports a slot gets a new epoch with it; else what the other one still says of
    // itself could win.
    await one.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from)
    for (const node of [one, other]) await node.ask('CLUSTER', 'SETSLOT', slot, 'NODE', id)
    expect(await ledger.save(splitOf('moved'))).toEqual({ saved: true })
    await back(ledger)
    expect(await one.ask('EXISTS', '{rcptwise:3}:s:moved')).toBe(1)
    expect(kinds()).toEqual(['ledgerTrouble', 'ledgerRecovered'])
    expect(troubles()[0]).toMatch(/MOVED .*asked next/)
  })
})
