/**
 * Redis by TLS, with an authority that only `ca` names: one server, a master that sentinels know,
 * and a cluster. The certificates are for 127.0.0.1, where all servers are.
 *
 *   ledgers, source ─▶ redis-server 7.0 (Debian 12), tls-port alone
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Fact } from '../../../src/facts/fact.ts'
import { checkLedger } from '../../../src/cli/check-ledger.ts'
import { inOneLine } from '../../../src/cli/finding.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Ledger } from '../../../src/ledger/ledger.ts'
import { openRedisLedger } from '../../../src/ledger/redis/redis.ts'
import { keyedSource, policiesRead } from '../../../src/policy/keyed/keyed-source.ts'
import { redisStore } from '../../../src/policy/redis/redis-store.ts'
import type { RedisPlace } from '../../../src/redis/locator.ts'
import { makeAuthority } from '../../../src/tls/development-ca.ts'
import { ids, minute, splitOf, start } from '../../ledger/splits.ts'
import { until } from '../../support/lab/until.ts'
import { startCluster } from './redis-cluster.ts'
import { redisObstacle, secured, startRedis, type Secured } from './redis-server.ts'
import { nameOfMaster, startWatched } from './sentinels.ts'

const day = 24 * 60 * minute

describe.skipIf(redisObstacle() !== undefined)('Redis by TLS', () => {
  let tls: Secured
  let stranger: string
  let directory: string
  let opened: Ledger[]
  let facts: Fact[]

  beforeAll(async () => {
    tls = await secured()
    stranger = (await makeAuthority('Somebody else', 1, Date.now())).cert
    directory = await mkdtemp(join(tmpdir(), 'rcptwise-test-'))
    await writeFile(join(directory, 'ca.pem'), tls.ca)
    await writeFile(join(directory, 'stranger.pem'), stranger)
  })
  afterAll(async () => await rm(directory, { recursive: true, force: true }))
  beforeEach(() => {
    opened = []
    facts = []
  })
  afterEach(async () => {
    for (const ledger of opened) await ledger.close()
  })

  async function open(place: RedisPlace): Promise<Ledger> {
    const ledger = await openRedisLedger({
      place,
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
  const troubles = (): string[] =>
    facts.flatMap((fact) => (fact.kind === 'ledgerTrouble' ? [fact.why] : []))
  const recall = async (ledger: Ledger): Promise<string[]> =>
    ids(await ledger.recall('sender@example.net', 'a@example.org')).toSorted()
  /** What `rcptwise check` says of this section `ledger`. */
  const checked = async (ledger: string): Promise<string> => {
    const file = join(directory, 'config.yaml')
    await writeFile(file, `hostname: mx.example.org\nledger: ${ledger}\n`)
    const loaded = loadConfig(file)
    if (!loaded.ok) throw new Error('the configuration is wrong')
    return (await checkLedger(loaded.config)).map(inOneLine).join('\n')
  }

  test('one server: with its authority, and with no other', async () => {
    await using server = await startRedis({}, tls)
    const { url } = server
    const ledger = await open({ kind: 'server', url, ca: tls.ca })
    expect(facts).toEqual([])
    await ledger.save(splitOf('one'))
    expect(await recall(await open({ kind: 'server', url, ca: tls.ca }))).toEqual(['one'])
    expect((await open({ kind: 'server', url, ca: stranger })).durable).toBe(false)
    expect((await open({ kind: 'server', url })).durable).toBe(false)
    expect(troubles()).toEqual([
      expect.stringMatching(/^rediss:.*certificate/),
      expect.stringMatching(/^rediss:.*certificate/),
    ])
    expect(await checked(`{ url: "${url}", ca: ca.pem }`)).toMatch(/can be written/)
    expect(await checked(`{ url: "${url}", ca: stranger.pem }`)).toMatch(/certificate/)
    expect(await checked(`{ url: "${url}", ca: config.yaml }`)).toMatch(
      /config\.yaml: holds no certificate in PEM form; check ledger\.ca$/,
    )
    expect(await checked(`{ url: "${url}", ca: nowhere.pem }`)).toMatch(
      /nowhere\.pem: ENOENT.*; check ledger\.ca$/,
    )
  })

  test('a source of recipients', async () => {
    await using server = await startRedis({}, tls)
    await server.ask('SET', 'policy:ann@example.org', 'strict')
    const said = async (trust: { readonly ca?: string }): Promise<string> => {
      const source = keyedSource(
        redisStore(
          {
            url: server.url,
            ...trust,
            layout: { kind: 'strings', prefix: 'policy:' },
            limitMs: 1500,
            valueBytes: 1024,
          },
          policiesRead,
        ),
        policiesRead,
      )
      const { signal } = new AbortController()
      const [answer] = await source.policiesFor(['ann@example.org'], signal)
      await source.close()
      if (answer?.kind === 'failed') return `failed: ${answer.why}`
      return answer?.kind === 'named' ? answer.name : String(answer?.kind)
    }
    expect(await said({ ca: tls.ca })).toBe('strict')
    expect(await said({ ca: stranger })).toMatch(/^failed: .*certificate/)
    expect(await said({})).toMatch(/^failed: .*certificate/)
  })

  test('sentinels, and the master that takes the place of the one that is killed', async () => {
    await using watched = await startWatched('secret', tls)
    const [master, replica] = watched.servers
    const url = `rediss://:secret@${nameOfMaster}/0`
    const sentinels = watched.sentinels.map((one) => one.url)
    const ledger = await open({ kind: 'sentinel', url, sentinels, ca: tls.ca })
    expect(facts).toEqual([])
    await ledger.save(splitOf('before'))
    expect(await master.ask('WAIT', '1', '20000')).toBe(1)
    await master.kill()
    await ledger.save(splitOf('during'))
    await until('it is noticed', () => !ledger.durable)
    await until('the ledger is durable again', () => ledger.durable)
    expect(String(await replica.ask('ROLE'))).toMatch(/^master/)
    expect(await recall(ledger)).toEqual(['before', 'during'])
    const said = await checked(
      `{ url: "${url}", sentinels: ["${sentinels.join('", "')}"], ca: ca.pem }`,
    )
    expect(said.match(/sentinel rediss:\S+ names rediss:\S+/g)).toHaveLength(3)
    expect(said).toMatch(/can be written/)
  })

  test('a cluster, one of whose nodes is named', async () => {
    await using cluster = await startCluster(3, 0, {}, tls)
    const urls = cluster.urls.slice(0, 1)
    const ledger = await open({ kind: 'cluster', urls, ca: tls.ca })
    expect(facts).toEqual([])
    const splits = Array.from({ length: 60 }, (_, n) =>
      splitOf(`s${n}`, { reversePath: `sender${n}@example.net` }),
    )
    for (const split of splits) expect(await ledger.save(split)).toEqual({ saved: true })
    const keys = await Promise.all(
      cluster.nodes.map(async (node) => String(await node.ask('DBSIZE'))),
    )
    expect(keys.every((count) => Number(count) > 0)).toBe(true)
    const other = await open({ kind: 'cluster', urls, ca: tls.ca })
    expect(ids(await other.recall('sender7@example.net', 'a@example.org'))).toEqual(['s7'])
    expect(
      (await checked(`{ cluster: ["${urls[0] ?? ''}"], ca: ca.pem }`)).match(/can be written/g),
    ).toHaveLength(3)
  })
})
