/**
 * The ledger's contract on a real server, and what only a store that others share has to keep.
 *
 *   two ledgers ─▶ redis-server 7.0 (Debian 12)
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Fact } from '../../../src/facts/fact.ts'
import type { Ledger } from '../../../src/ledger/ledger.ts'
import { openRedisLedger, type RedisLedgerOptions } from '../../../src/ledger/redis/redis.ts'
import { sweep } from '../../../src/ledger/sweep.ts'
import { describeLedger } from '../../ledger/ledger.contract.ts'
import { contend, contendedId, winsEach } from '../../ledger/contention.ts'
import {
  changed,
  closed,
  ids,
  manyRecipients,
  minute,
  recipientOf,
  splitOf,
  start,
} from '../../ledger/splits.ts'
import { until } from '../../support/lab/until.ts'
import { redisObstacle, startRedis, type RedisServer } from './redis-server.ts'

const day = 24 * 60 * minute
const base = '{test:3}:'

describe.skipIf(redisObstacle() !== undefined)('a ledger on Redis', () => {
  let server: RedisServer
  let opened: Ledger[]
  let facts: Fact[]

  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(async () => {
    await server[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    await server.ask('FLUSHALL')
    opened = []
    facts = []
  })
  afterEach(async () => {
    for (const ledger of opened) await ledger.close()
  })

  async function open(options: Partial<RedisLedgerOptions> = {}): Promise<Ledger> {
    const ledger = await openRedisLedger({
      place: { kind: 'server', url: server.url },
      prefix: 'test:',
      patienceMs: 5 * day,
      keepMs: day,
      onFact: (fact) => facts.push(fact),
      clock: () => start,
      ...options,
    })
    opened.push(ledger)
    return ledger
  }

  const kinds = (): string[] => facts.map((fact) => fact.kind)
  const keys = async (): Promise<string[]> =>
    ((await server.ask('KEYS', '*')) as string[]).toSorted()
  const recall = async (ledger: Ledger, recipient = 'a@example.org'): Promise<string[]> =>
    ids(await ledger.recall('sender@example.net', recipient))

  describeLedger('Redis', async () => {
    await server.ask('FLUSHALL')
    const clock = { now: start }
    const another = async (): Promise<Ledger> => await open({ clock: () => clock.now })
    return { ledger: await another(), clock, another, end: async () => await Promise.resolve() }
  })

  test('is durable, and says nothing', async () => {
    const ledger = await open()
    expect(ledger.durable).toBe(true)
    await ledger.save(splitOf('it'))
    await ledger.close()
    expect(await recall(await open())).toEqual(['it'])
    expect(facts).toEqual([])
  })

  test('is one for all nodes with its prefix, and for no others', async () => {
    const [one, other, foreign] = [await open(), await open(), await open({ prefix: 'elsewhere:' })]
    await one.save(splitOf('it'))
    expect(await recall(other)).toEqual(['it'])
    expect(await recall(foreign)).toEqual([])
  })

  test('has every save of two nodes, and one winner a version', async () => {
    const [one, other] = [await open(), await open()]
    await one.save(splitOf(contendedId))
    await Promise.all([contend(one, 'ours'), contend(other, 'theirs')])
    expect((await one.find(contendedId))?.version).toBe(1 + 2 * winsEach)
    expect(await one.countOpen()).toEqual([
      { peer: 'default', strategy: 'group', count: 1 + 2 * winsEach },
    ])
    expect(facts).toEqual([])
  })

  test('keeps all keys in one slot of a cluster, and ends each by itself', async () => {
    const ledger = await open()
    await ledger.save(splitOf('open'))
    await ledger.save(splitOf('closed'))
    await ledger.save(closed(splitOf('closed'), start))
    const all = await keys()
    expect(all).toContain(`${base}m:sender@example.net\nb@example.org`)
    for (const key of all) expect(key.startsWith(base), key).toBe(true)
    for (const key of all) expect(Number(await server.ask('PTTL', key)), key).toBeGreaterThan(0)
    const days = async (key: string): Promise<number> =>
      Number(await server.ask('PTTL', base + key)) / day
    expect(await days('s:open')).toBeCloseTo(6, 2)
    expect(await days('s:closed')).toBeCloseTo(2, 2)
    expect(await days('known')).toBeCloseTo(7, 2)
  })

  test('indexes a recipient for as long as the split is kept, however often that begins anew', async () => {
    let split = splitOf('it')
    const ledger = await open()
    await ledger.save(split)
    for (let days = 1; days <= 20; days += 1) {
      split = changed(split, { lastAttemptAt: start + days * day })
      await ledger.save(split)
      // What five days do, without waiting for them.
      for (const key of [`m:sender@example.net\na@example.org`, 's:it']) {
        const left = Number(await server.ask('PTTL', base + key))
        expect(left, `after ${days} days`).toBeGreaterThanOrEqual(5 * day - minute)
        await server.ask('PEXPIRE', base + key, String(left - day))
      }
    }
  })

  test('leaves nothing behind when everything is forgotten', async () => {
    const ledger = await open()
    for (const [id, count] of [
      ['small', 2],
      ['large', 300],
    ] as const) {
      const split = splitOf(id, { recipients: manyRecipients(count) })
      await ledger.save(split)
      await ledger.save(closed(split, start))
    }
    expect(await ledger.forget(start + 1, 10)).toBe(2)
    const left = ['bytes', 'openings', 'touched', 'watchers', 'watchers:turns']
    expect(await keys()).toEqual(left.map((key) => base + key))
    expect(await server.ask('GET', `${base}bytes`)).toBe('0')
  })

  test('works on when its scripts were flushed', async () => {
    const ledger = await open()
    await ledger.save(splitOf('it'))
    await server.ask('SCRIPT', 'FLUSH')
    expect(await ledger.save(changed(splitOf('it')))).toEqual({ saved: true })
    await server.ask('SCRIPT', 'FLUSH')
    expect(await recall(ledger)).toEqual(['it'])
    expect(facts).toEqual([])
  })

  test('asks once for the recipients of one packet', async () => {
    const ledger = await open()
    const split = splitOf('large', { recipients: manyRecipients(250) })
    await ledger.save(split)
    await recall(ledger)
    await server.ask('CONFIG', 'RESETSTAT')
    const found = await Promise.all(
      split.recipients.map(
        async ({ address }) => await ledger.recall('sender@example.net', address),
      ),
    )
    for (const splits of found) expect(splits).toEqual([split])
    const calls = /cmdstat_evalsha:calls=(\d+)/.exec(
      String(await server.ask('INFO', 'commandstats')),
    )?.[1]
    expect(Number(calls)).toBeGreaterThanOrEqual(3)
    // What is read each second, overrides and senders, may fall among them: far fewer than
    // recipients all the same.
    expect(Number(calls)).toBeLessThanOrEqual(3 + 20)
  })

  test('gives everything to everybody, in pieces, when it is much', async () => {
    const ledger = await open()
    const messageId = 'x'.repeat(700_000)
    for (let n = 0; n < 10; n += 1)
      await ledger.save(splitOf(`s${n}`, { messageId, startedAt: start + n }))
    // A mebibyte is enough for one recipient: the newest two.
    const both = await Promise.all([recall(ledger), recall(ledger, 'b@example.org')])
    expect(both).toEqual([
      ['s8', 's9'],
      ['s8', 's9'],
    ])
    expect(ids(await ledger.openSplits(20))).toHaveLength(10)
  })

  test('a recall gives the newest thousand splits, oldest first, when somebody opened more', async () => {
    const ledger = await open()
    const all = Array.from({ length: 1100 }, (_, n) =>
      splitOf(`s${n}`, { startedAt: start + n, recipients: [recipientOf('a@example.org')] }),
    )
    await Promise.all(all.map(async (split) => await ledger.save(split)))
    const found = await recall(ledger)
    expect(found).toHaveLength(1000)
    expect([found[0], found.at(-1)]).toEqual(['s100', 's1099'])
    expect(await ledger.openSplits(5000)).toHaveLength(1100)
  })

  test('shows the overrides of another node within a second', async () => {
    const [one, other] = [await open(), await open()]
    await other.setOverride({ peer: 'bulk', strategy: 'off', setAt: start, by: 'admin' })
    await until('the override is seen', () => one.overrides().length === 1)
    await one.resetOverride('bulk')
    await until('the reset is seen', () => other.overrides().length === 0)
    expect(await (await open()).resetOverride('bulk')).toBe(false)
  })

  describe('a split that nobody comes back to', () => {
    const abandonedFacts = (): Fact[] => facts.filter((fact) => fact.kind === 'splitClosed')
    const sweepOn = async (ledger: Ledger): Promise<void> => {
      const now = (): number => start + 5 * day + minute
      await sweep({
        ledger,
        patienceMs: 5 * day,
        keepMs: day,
        onFact: (fact) => facts.push(fact),
        now,
      })
    }

    test('is told as abandoned once, by one of the nodes that look at the same time', async () => {
      const nodes = await Promise.all([open(), open(), open()])
      for (let n = 0; n < 20; n += 1) await nodes[0].save(splitOf(`s${n}`))
      await Promise.all(nodes.map(sweepOn))
      expect(abandonedFacts().map((fact) => 'split' in fact && fact.split)).toHaveLength(20)
      expect(new Set(abandonedFacts().map((fact) => 'split' in fact && fact.split)).size).toBe(20)
      expect(await nodes[0].countOpen()).toEqual([])
    })

    test('and that the server has ended meanwhile is told all the same, once, without its recipients', async () => {
      const nodes = await Promise.all([open(), open()])
      await nodes[0].save(splitOf('gone'))
      await server.ask('PEXPIRE', `${base}s:gone`, '1')
      await until('it has expired', async () => (await server.ask('EXISTS', `${base}s:gone`)) === 0)
      await Promise.all(nodes.map(sweepOn))
      expect(abandonedFacts()).toMatchObject([
        {
          split: 'gone',
          peer: 'default',
          strategy: 'group',
          outcome: 'abandoned',
          abandonedRecipients: [],
        },
      ])
      expect(await nodes[0].countOpen()).toEqual([])
      expect(kinds()).toEqual(['splitClosed'])
    })
  })

  test('that has too many splits drops closed ones first, then the oldest open ones, and tells of those', async () => {
    const ledger = await open({ maxSplits: 4 })
    for (const n of [1, 2, 3]) await ledger.save(splitOf(`open${n}`, { startedAt: start + n }))
    await ledger.save(splitOf('closed'))
    await ledger.save(closed(splitOf('closed'), start))
    await ledger.save(splitOf('new1', { startedAt: start + minute }))
    expect(facts).toEqual([])
    expect(await ledger.find('closed')).toBeUndefined()
    await ledger.save(splitOf('new2', { startedAt: start + minute }))
    expect(ids(await ledger.openSplits(10))).toEqual(['open2', 'open3', 'new1', 'new2'])
    expect(facts).toMatchObject([
      {
        split: 'open1',
        outcome: 'abandoned',
        abandonedRecipients: ['a@example.org', 'b@example.org'],
      },
    ])
    expect(await recall(ledger)).not.toContain('open1')
  })

  test('drops a record that is only of deliveries without a word: nobody was deferred in it', async () => {
    const ledger = await open({ maxSplits: 1 })
    await ledger.save(splitOf('deliveries', { deliveriesOnly: true }))
    await ledger.save(splitOf('new', { startedAt: start + minute }))
    expect(ids(await ledger.openSplits(10))).toEqual(['new'])
    expect(facts).toEqual([])
  })

  test('has a bound in bytes too', async () => {
    const ledger = await open({ maxBytes: 1_000_000 })
    for (let n = 0; n < 10; n += 1) {
      await ledger.save(
        splitOf(`s${n}`, { startedAt: start + n, recipients: manyRecipients(1000) }),
      )
    }
    const left = ids(await ledger.openSplits(20))
    expect(left.length).toBeLessThan(6)
    expect(left.at(-1)).toBe('s9')
    expect(await recall(ledger, 'user7@example.org')).toEqual(left)
  })
})
