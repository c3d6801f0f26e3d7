/**
 * The ledger on a cluster: its contract, that keys are on all nodes, and what becomes of mail while
 * a node is down or slots move.
 *
 *   ledgers ─▶ three or six redis-server 7.0 (Debian 12), cluster-enabled
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Fact } from '../../../src/facts/fact.ts'
import type { Ledger } from '../../../src/ledger/ledger.ts'
import { basesOf } from '../../../src/ledger/redis/keys.ts'
import { openRedisLedger, type RedisLedgerOptions } from '../../../src/ledger/redis/redis.ts'
import { changed, closed, ids, minute, recipientOf, splitOf, start } from '../../ledger/splits.ts'
import { describeLedger } from '../../ledger/ledger.contract.ts'
import { until } from '../../support/lab/until.ts'
import { startCluster, type RedisCluster } from './redis-cluster.ts'
import { redisObstacle, type RedisServer } from './redis-server.ts'
import { sendWithRetries, type Outcome } from './retrying-client.ts'
import { startTestApp } from '../../support/app.ts'

const day = 24 * 60 * minute
const limits = { all: 1000, perSender: 1000, bytesPerSender: 1_000_000, perClient: 1000 }

describe.skipIf(redisObstacle() !== undefined)('a ledger on a cluster', () => {
  let cluster: RedisCluster
  let opened: Ledger[]
  let facts: Fact[]

  async function open(options: Partial<RedisLedgerOptions> = {}): Promise<Ledger> {
    const ledger = await openRedisLedger({
      place: { kind: 'cluster', urls: cluster.urls.slice(0, 2) },
      prefix: 'test:',
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

  const troubles = (): string[] =>
    facts.flatMap((fact) => (fact.kind === 'ledgerTrouble' ? [fact.why] : []))
  const kinds = (): string[] => facts.map(({ kind }) => kind)
  const senderOf = (n: number): string => `sender${n}@example.net`
  const splitFrom = (n: number) => splitOf(`s${n}`, { reversePath: senderOf(n) })
  const isKnown = async (ledger: Ledger, n: number): Promise<boolean> => {
    const found = await ledger.recall(senderOf(n), 'a@example.org')
    return found.some(({ id }) => id === `s${n}`)
  }
  const back = async (ledger: Ledger): Promise<void> => {
    await until('the ledger is durable again', () => ledger.durable)
  }
  beforeEach(() => {
    opened = []
    facts = []
  })
  afterEach(async () => {
    for (const ledger of opened) await ledger.close()
  })

  describe('of three masters', () => {
    beforeAll(async () => {
      cluster = await startCluster(3)
    })
    afterAll(async () => {
      await cluster[Symbol.asyncDispose]()
    })
    beforeEach(async () => {
      await cluster.flush()
    })

    describeLedger('Redis Cluster', async () => {
      await cluster.flush()
      const clock = { now: start }
      const another = async (): Promise<Ledger> => await open({ clock: () => clock.now })
      return { ledger: await another(), clock, another, end: async () => await Promise.resolve() }
    })

    test('keeps what is open of a sender on one master, and of all senders on all of them', async () => {
      const ledger = await open()
      const all = Array.from({ length: 600 }, (_, n) => splitFrom(n))
      await Promise.all(all.map(async (split) => await ledger.save(split)))
      const keys = await Promise.all(
        cluster.nodes.map(async (node) => (await node.ask('KEYS', '*')) as string[]),
      )
      const bases = basesOf('cluster', 'test:')
      for (const key of keys.flat())
        expect(
          bases.some((base) => key.startsWith(base)),
          key,
        ).toBe(true)
      for (const mine of keys) {
        const splits = mine.filter((key) => /:s:s\d+$/.test(key))
        expect(splits.length).toBeGreaterThan(100)
        const senders = mine.filter((key) => key.includes(':m:'))
        expect(senders).toHaveLength(2 * splits.length)
      }
      expect(await ledger.openSplits(1000)).toHaveLength(600)
      expect(await ledger.countOpen()).toEqual([{ peer: 'default', strategy: 'group', count: 600 }])
      expect(ids(await ledger.stale(start + 1, 1000))).toHaveLength(600)
      expect(facts).toEqual([])
    })

    test('takes senders of any octets', async () => {
      const ledger = await open()
      const senders = [
        '',
        '{',
        '}',
        '{}',
        '{test:3.0}:',
        'a b',
        '"\\" "@x',
        'ü@ü.example',
        '\u0000',
      ]
      for (const [n, reversePath] of senders.entries())
        await ledger.save(splitOf(`s${n}`, { reversePath, recipients: [recipientOf('{a}@b')] }))
      const other = await open()
      for (const [n, reversePath] of senders.entries()) {
        expect(ids(await other.recall(reversePath, '{a}@b'))).toEqual([`s${n}`])
        expect(await other.openOf(reversePath)).toHaveLength(1)
      }
      expect(facts).toEqual([])
    })

    test('counts the splits of a client whoever it says it is', async () => {
      const ledger = await open()
      const declared = { sender: '192.0.2.0/24' }
      for (let n = 0; n < 40; n += 1) await ledger.save({ ...splitFrom(n), declared })
      const opener = { reversePath: 'another@example.net', client: declared.sender }
      expect(await ledger.crowded(opener, { ...limits, perClient: 41 })).toBeUndefined()
      expect(await ledger.crowded(opener, { ...limits, perClient: 40 })).toBe(
        'open_splits_per_client',
      )
      const stranger = { ...opener, client: 'example.com' }
      expect(await ledger.crowded(stranger, { ...limits, all: 40 })).toBe('open_splits')
      expect(await ledger.crowded(stranger, { ...limits, perClient: 40 })).toBeUndefined()
    })

    test('goes through all that is stale page by page, the longest unattempted first', async () => {
      const ledger = await open()
      const messageId = 'x'.repeat(300_000)
      const times = Array.from({ length: 60 }, (_, n) => (n * 37) % 60)
      for (const [n, at] of times.entries())
        await ledger.save({ ...splitFrom(n), messageId, lastAttemptAt: start + at })
      const seen: number[] = []
      for (let since: number | undefined; seen.length < 60;) {
        const page = await ledger.stale(start + 100, 7, since)
        const fresh = page.map(({ lastAttemptAt }) => lastAttemptAt - start)
        seen.push(...fresh.filter((at) => !seen.includes(at)))
        expect(page.length).toBeGreaterThan(0)
        since = page.at(-1)?.lastAttemptAt
      }
      expect(seen).toEqual(times.toSorted((a, b) => a - b))
    })

    test('tells once of a master that was killed and does without it; nothing is lost', async () => {
      const [one, other] = [await open(), await open()]
      for (let n = 0; n < 100; n += 1) await one.save(splitFrom(n))
      const [, , third] = cluster.nodes
      await third?.kill()
      for (let n = 100; n < 200; n += 1)
        expect(await one.save(splitFrom(n))).toEqual({ saved: true })
      await until('it is noticed', () => !one.durable && !other.durable)
      // Each of the two tells of the master, and then of the cluster that is not whole.
      await until('the cluster is known to be down', () =>
        troubles().some((why) => why.includes('CLUSTERDOWN')),
      )
      expect(troubles().length).toBeLessThanOrEqual(2 * 6)
      for (const why of troubles())
        expect(why).toMatch(/^redis:\/\/127\.0\.0\.1:\d+\/0: .*; splits of some senders are kept/)
      await third?.startAgain()
      await cluster.whole()
      await Promise.all([one, other].map(back))
      for (let n = 100; n < 200; n += 1) expect(await isKnown(other, n)).toBe(true)
      expect(kinds().filter((kind) => kind === 'ledgerRecovered')).toHaveLength(2)
    })

    test('is moved from node to node while splits are saved: none is lost, and none is there twice', async () => {
      const [one, other] = [await open(), await open()]
      let [saved, moving] = [0, true]
      const save = async (): Promise<void> => {
        while (moving) {
          const n = saved++
          const on = n % 2 === 0 ? one : other
          expect(await on.save(splitFrom(n))).toEqual({ saved: true })
          if (n % 3 === 0) expect(await on.save(changed(splitFrom(n)))).toEqual({ saved: true })
          if (n % 5 === 0)
            expect(
              await on.save(closed(n % 3 === 0 ? changed(splitFrom(n)) : splitFrom(n), start)),
            ).toEqual({ saved: true })
          await sleep(1)
        }
      }
      const saving = Promise.all([save(), save()])
      const [first, second] = cluster.nodes
      const id = async (node = first): Promise<string> => String(await node?.ask('CLUSTER', 'MYID'))
      await sleep(500)
      // The lowest slots of the first one: with the keys of some of its shards.
      await cluster.manage(
        'reshard',
        `127.0.0.1:${first?.port}`,
        '--cluster-from',
        await id(first),
        '--cluster-to',
        await id(second),
        '--cluster-slots',
        '2500',
        '--cluster-yes',
      )
      await sleep(500)
      moving = false
      await saving
      await cluster.whole()
      await Promise.all([one, other].map(back))
      const third = await open()
      const open3 = await third.openSplits(100_000)
      const expected = Array.from({ length: saved }, (_, n) => n).filter((n) => n % 5 !== 0)
      expect(ids(open3).toSorted()).toEqual(expected.map((n) => `s${n}`).toSorted())
      expect(await third.countOpen()).toEqual([
        { peer: 'default', strategy: 'group', count: expected.length },
      ])
    })
  })

  describe('of three masters with a replica each', () => {
    beforeEach(async () => {
      cluster = await startCluster(3, 1)
    })
    afterEach(async () => {
      for (const ledger of opened.splice(0)) await ledger.close()
      await cluster[Symbol.asyncDispose]()
    })

    const replicates = async (node: RedisServer | undefined): Promise<void> => {
      expect(await node?.ask('WAIT', '1', '20000')).toBe(1)
    }

    test('goes on with the replica of a master that was killed, which has what was open', async () => {
      const [one, other] = [await open(), await open()]
      for (let n = 0; n < 100; n += 1) await one.save(splitFrom(n))
      const [first] = cluster.nodes
      await replicates(first)
      await first?.kill()
      for (let n = 100; n < 200; n += 1)
        expect(await one.save(splitFrom(n))).toEqual({ saved: true })
      await until('it is noticed', () => !one.durable && !other.durable)
      await Promise.all([one, other].map(back))
      for (let n = 0; n < 200; n += 1) expect(await isKnown(other, n), `s${n}`).toBe(true)
    })

    test('loses no mail when a master is killed, and nobody has a message twice', async () => {
      const config = `ledger: { cluster: [${cluster.urls.map((url) => `"${url}"`).join(', ')}] }`
      const recipients = '"tag@example.org": tag-only\n"strict@example.org": strict\n'
      await using one = await startTestApp({ config, recipients })
      await using other = await startTestApp({ config, recipients, directory: one.directory })
      const send = async (n: number): Promise<Outcome> =>
        await sendWithRetries({
          hosts: [one.port, other.port],
          from: senderOf(n),
          recipients: ['strict@example.org', 'tag@example.org'],
          message: `Subject: ${n}\r\nMessage-ID: <${n}@example.net>\r\nX-Spam-Score: 9.5\r\n\r\nhello`,
          beforeRetry: async () => {
            await sleep(300)
          },
        })
      const sending: Promise<Outcome>[] = []
      for (let n = 0; n < 60; n += 1) {
        sending.push(send(n))
        if (n === 20) await cluster.nodes[0]?.kill()
        await sleep(50)
      }
      for (const { delivered, refused } of await Promise.all(sending))
        expect({ delivered, refused }).toEqual({
          delivered: ['tag@example.org'],
          refused: ['strict@example.org'],
        })
      expect(await one.mail('tag@example.org')).toHaveLength(60)
      await until('both ledgers are durable again', () =>
        [one, other].every(({ app }) => app.ledger.durable),
      )
      const all = [...one.facts, ...other.facts].map(({ kind }) => kind)
      expect(all).toContain('ledgerTrouble')
      expect(all).toContain('ledgerRecovered')
    })
  })
})
