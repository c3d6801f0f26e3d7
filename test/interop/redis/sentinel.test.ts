/**
 * A ledger on the master that sentinels know, before and after they have made the replica master.
 *
 *   ledgers ─┬▶ three sentinels
 *            └▶ master, replica: redis-server 7.0 (Debian 12)
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Fact } from '../../../src/facts/fact.ts'
import { checkLedger } from '../../../src/cli/check-ledger.ts'
import { inOneLine } from '../../../src/cli/finding.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Ledger } from '../../../src/ledger/ledger.ts'
import { openRedisLedger } from '../../../src/ledger/redis/redis.ts'
import { ids, minute, splitOf, start } from '../../ledger/splits.ts'
import { startTestApp } from '../../support/app.ts'
import { freePort } from '../../support/lab/ports.ts'
import { until } from '../../support/lab/until.ts'
import { redisObstacle, type RedisServer } from './redis-server.ts'
import { sendWithRetries, type Outcome } from './retrying-client.ts'
import { nameOfMaster, startWatched, type Watched } from './sentinels.ts'

const day = 24 * 60 * minute

describe.skipIf(redisObstacle() !== undefined)('a master that sentinels know', () => {
  let watched: Watched
  let opened: Ledger[]
  let facts: Fact[]

  beforeEach(async () => {
    watched = await startWatched('secret')
    opened = []
    facts = []
  })
  afterEach(async () => {
    for (const ledger of opened) await ledger.close()
    await watched[Symbol.asyncDispose]()
  })

  const sentinelUrls = (): string[] => watched.sentinels.map(({ url }) => url)
  const masterUrl = `redis://:secret@${nameOfMaster}/0`
  async function open(sentinels: readonly string[] = sentinelUrls()): Promise<Ledger> {
    const ledger = await openRedisLedger({
      place: { kind: 'sentinel', url: masterUrl, sentinels },
      prefix: 'test:',
      patienceMs: 5 * day,
      keepMs: day,
      onFact: (fact) => facts.push(fact),
      clock: () => start,
      retryMs: 50,
    })
    opened.push(ledger)
    return ledger
  }
  /** Sentinels end the connections of a server whose role they change. */
  const roleOf = async (server: RedisServer): Promise<string> =>
    String(await server.ask('ROLE').catch(() => ''))
  const recall = async (ledger: Ledger): Promise<string[]> =>
    ids(await ledger.recall('sender@example.net', 'a@example.org')).toSorted()
  const back = async (ledger: Ledger): Promise<void> => {
    await until('the ledger is durable again', () => ledger.durable)
  }

  test('is used, and the one that takes its place when it is killed: what was open before is known after', async () => {
    const [master, replica] = watched.servers
    const nobody = `redis://127.0.0.1:${await freePort()}`
    const [one, other] = [await open(), await open([nobody, ...sentinelUrls()])]
    expect(facts).toEqual([])
    await one.save(splitOf('before'))
    expect(await master.ask('EXISTS', '{test:3}:s:before')).toBe(1)
    expect(await master.ask('WAIT', '1', '20000')).toBe(1)
    await master.kill()
    expect(await one.save(splitOf('during'))).toEqual({ saved: true })
    await until('it is noticed', () => !one.durable && !other.durable)
    await Promise.all([one, other].map(back))
    expect(await roleOf(replica)).toMatch(/^master/)
    expect(await recall(other)).toEqual(['before', 'during'])
    expect(await recall(one)).toEqual(['before', 'during'])
    expect(JSON.stringify(facts)).not.toContain('secret')
    // The one that was killed comes back as a replica, and is left alone.
    await master.startAgain()
    await until('the sentinels have made it a replica', async () =>
      (await roleOf(master)).startsWith('slave'),
    )
    expect(await one.save(splitOf('after'))).toEqual({ saved: true })
    expect(await recall(other)).toEqual(['after', 'before', 'during'])
  })

  test('is left when sentinels put the other one in its place while it runs', async () => {
    const [, replica] = watched.servers
    const ledger = await open()
    await ledger.save(splitOf('before'))
    await watched.sentinels[0]?.ask('SENTINEL', 'FAILOVER', nameOfMaster)
    await until('the replica is master', async () => (await roleOf(replica)).startsWith('master'))
    await until('the ledger has left it', async () => {
      await ledger.save(splitOf(`s${Math.random()}`))
      return facts.some(({ kind }) => kind === 'ledgerRecovered')
    })
    expect(await recall(ledger)).toContain('before')
  })

  test('is found while any sentinel is there, and the log says why when none is', async () => {
    const [first, second, third] = watched.sentinels
    await first?.kill()
    await second?.kill()
    expect((await open()).durable).toBe(true)
    await third?.kill()
    expect((await open()).durable).toBe(false)
    expect(facts).toMatchObject([
      {
        kind: 'ledgerTrouble',
        why: expect.stringMatching(/^redis:\/\/127.*ECONNREFUSED/) as string,
      },
    ])
  })

  test('rcptwise check says what each sentinel knows, and whether the master can be written', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rcptwise-check-'))
    try {
      const [first] = watched.sentinels
      await first?.kill()
      const stranger = (await startWatched()) satisfies Watched
      await using others = stranger
      const file = join(directory, 'config.yaml')
      const sentinels = [...sentinelUrls(), others.sentinels[0]?.url]
      await writeFile(
        file,
        `ledger: { url: "${masterUrl}", sentinels: ${JSON.stringify(sentinels)} }\n`,
      )
      const loaded = loadConfig(file)
      if (!loaded.ok) throw new Error('the configuration is wrong')
      const [master] = watched.servers
      const names = sentinelUrls().map((url) => `${url.replace(':secret@', '')}/0`)
      const port = others.servers[0].port
      expect((await checkLedger(loaded.config)).map(inOneLine)).toEqual([
        `ok   ledger: redis://127.0.0.1:${master.port}/0 can be written`,
        expect.stringMatching(`^warn ledger: sentinel ${names[0] ?? ''}: .*ECONNREFUSED`),
        ...names
          .slice(1)
          .map((name) => `ok   ledger: sentinel ${name} names redis://127.0.0.1:${master.port}/0`),
        `warn ledger: sentinel ${String(others.sentinels[0]?.url)}/0 names another master, redis://127.0.0.1:${port}/0`,
      ])
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('may be killed while mail runs: none is lost, and nobody has a message twice', async () => {
    const config = `ledger: { url: "${masterUrl}", sentinels: ${JSON.stringify(sentinelUrls())} }`
    const recipients = '"tag@example.org": tag-only\n"strict@example.org": strict\n'
    await using one = await startTestApp({ config, recipients })
    await using other = await startTestApp({ config, recipients, directory: one.directory })
    const send = async (n: number): Promise<Outcome> =>
      await sendWithRetries({
        hosts: [one.port, other.port],
        from: `s${n}@example.net`,
        recipients: ['strict@example.org', 'tag@example.org'],
        message: `Subject: ${n}\r\nMessage-ID: <${n}@example.net>\r\nX-Spam-Score: 9.5\r\n\r\nhello`,
        beforeRetry: async () => {
          await sleep(300)
        },
      })
    const sending: Promise<Outcome>[] = []
    for (let n = 0; n < 40; n += 1) {
      sending.push(send(n))
      if (n === 15) await watched.servers[0].kill()
      await sleep(50)
    }
    for (const { delivered, refused } of await Promise.all(sending))
      expect({ delivered, refused }).toEqual({
        delivered: ['tag@example.org'],
        refused: ['strict@example.org'],
      })
    expect(await one.mail('tag@example.org')).toHaveLength(40)
    await until('both ledgers are durable again', () =>
      [one, other].every(({ app }) => app.ledger.durable),
    )
  })
})
