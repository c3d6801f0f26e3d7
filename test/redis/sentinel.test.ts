/** Which master is found by sentinels that are right, behind, silent, away, or lie. */
import { afterEach, describe, expect, test } from 'vitest'
import { urlAt } from '../../src/redis/connection.ts'
import { Sentinels, type SentinelPlace } from '../../src/redis/sentinel.ts'
import { freePort } from '../support/lab/ports.ts'
import { until } from '../support/lab/until.ts'
import { startFakeRedis, type FakeRedis } from './fake-redis.ts'

const options = { timeoutMs: 2000, onLost: () => undefined }
const bulk = (...words: string[]): string =>
  [`*${words.length}`, ...words.flatMap((word) => [`$${word.length}`, word])].join('\r\n')
const isAt = (port: number | string): string => bulk('127.0.0.1', String(port))

describe('sentinels', () => {
  const servers: FakeRedis[] = []
  afterEach(async () => {
    for (const server of servers.splice(0)) await server[Symbol.asyncDispose]()
  })

  async function start(answers: Readonly<Record<string, string>>): Promise<FakeRedis> {
    const server = await startFakeRedis(answers)
    servers.push(server)
    return server
  }
  const server = async (role: string): Promise<FakeRedis> => await start({ ROLE: bulk(role) })
  const sentinel = async (answer: string): Promise<string> =>
    (await start({ SENTINEL: answer })).url
  const away = async (): Promise<string> => `redis://127.0.0.1:${await freePort()}`
  const placeOf = (sentinels: readonly string[]): SentinelPlace => ({
    url: 'redis://mymaster/3',
    sentinels,
  })
  async function find(...sentinels: string[]): Promise<string> {
    const connection = await new Sentinels(placeOf(sentinels)).connect(options, 'key')
    connection.close()
    return connection.url
  }

  test('lead to the master that they name, with the database of the URL', async () => {
    const master = await server('master')
    expect(await find(await sentinel(isAt(master.port)))).toBe(`${master.url}/3`)
    expect(master.heard).toContain('SELECT 3')
    const heard = servers[1]?.heard ?? []
    expect(heard).toContain('SENTINEL GET-MASTER-ADDR-BY-NAME mymaster')
  })

  test('that are away, silent, or know nothing do not matter while one knows it', async () => {
    const right = await sentinel(isAt((await server('master')).port))
    const wrong = [
      await away(),
      await sentinel(''),
      await sentinel('*-1'),
      await sentinel('-ERR no'),
    ]
    for (const one of wrong) expect(await find(one, right)).toBe(`${servers[0]?.url ?? ''}/3`)
    expect(await find(...wrong, right)).toBe(`${servers[0]?.url ?? ''}/3`)
  })

  test('that name a replica, or nobody at all, are not believed', async () => {
    const master = await server('master')
    const right = await sentinel(isAt(master.port))
    const replica = await server('slave')
    const lies = [
      isAt(replica.port),
      isAt(await freePort()),
      bulk('127.0.0.1', '0'),
      bulk('127.0.0.1', '99999'),
      bulk('a b/@\r\n', '6379'),
      bulk('', ''),
      '+OK',
      ':7',
    ]
    for (const lie of lies)
      expect(await find(await sentinel(lie), right, await sentinel(lie)), lie).toBe(
        `${master.url}/3`,
      )
    expect(replica.heard.filter((command) => command.startsWith('SET '))).toEqual([])
  })

  test('that are most of them are believed before others, also when both name a master', async () => {
    const [old, master] = [await server('master'), await server('master')]
    const [behind, right, too] = [
      await sentinel(isAt(old.port)),
      await sentinel(isAt(master.port)),
      await sentinel(isAt(master.port)),
    ]
    expect(await find(behind, right, too)).toBe(`${master.url}/3`)
    expect(old.heard).toEqual([])
  })

  test('say why there is no master', async () => {
    const replica = await server('slave')
    await expect(find(await sentinel(isAt(replica.port)))).rejects.toThrow(
      `redis://127.0.0.1:${replica.port}/3: sentinels name it as the master, and it says that it is a replica`,
    )
    await expect(find(await sentinel('*-1'))).rejects.toThrow(
      'it knows no master of the name mymaster',
    )
    await expect(find(await away(), await away())).rejects.toThrow('ECONNREFUSED')
    await expect(find(await sentinel('-NOAUTH Authentication required.'))).rejects.toThrow('NOAUTH')
  })

  test('tell of another master while the old one goes on, once it is one', async () => {
    const [old, next] = [await server('master'), await server('slave')]
    const all = [
      await start({ SENTINEL: isAt(old.port) }),
      await start({ SENTINEL: isAt(old.port) }),
    ]
    const sentinels = new Sentinels(placeOf(all.map(({ url }) => url)), 20)
    const moved: string[] = []
    const end = sentinels.follow(`${old.url}/3`, 2000, ({ message }) => moved.push(message))
    const asked = async (): Promise<void> => {
      const before = all[0]?.heard.length ?? 0
      await until('they are asked again', () => (all[0]?.heard.length ?? 0) > before + 6)
    }
    await asked()
    all[0]?.answers.set('SENTINEL', isAt(next.port))
    await asked()
    all[1]?.answers.set('SENTINEL', isAt(next.port))
    await asked()
    expect(moved).toEqual([])
    next.answers.set('ROLE', bulk('master'))
    await until('it is told', () => moved.length > 0)
    expect(moved).toEqual([`the sentinels say that ${next.url}/3 is the master now`])
    end()
  })
})

test.for([
  ['redis://u:p@name/2', '10.0.0.1', '6379', 'redis://u:p@10.0.0.1:6379/2'],
  ['rediss://name', 'redis-1.example.org', '6380', 'rediss://redis-1.example.org:6380'],
  ['redis://name', '2001:db8::1', '6379', 'redis://[2001:db8::1]:6379'],
] as const)('the server that %s leads to at %s and %s is %s', ([url, host, port, is]) => {
  expect(urlAt(url, host, port)).toBe(is)
})
