/** Which node of a cluster is found, whatever the nodes say or do not say. */
import { afterEach, describe, expect, test } from 'vitest'
import { serverLocator } from '../../src/redis/locator.ts'
import { freePort } from '../support/lab/ports.ts'
import { startFakeRedis, type FakeRedis } from './fake-redis.ts'

describe('a cluster', () => {
  const nodes: FakeRedis[] = []
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node[Symbol.asyncDispose]()
  })

  const nobody = async (): Promise<string> => `redis://127.0.0.1:${await freePort()}`
  const node = async (answer?: string): Promise<FakeRedis> => {
    const started = await startFakeRedis({ SET: answer ?? '+OK' })
    nodes.push(started)
    return started
  }
  const options = { timeoutMs: 2000, onLost: () => undefined }
  const find = async (...urls: string[]): Promise<string> => {
    const connection = await serverLocator({ kind: 'cluster', urls }).connect(options, 'key')
    connection.close()
    return connection.url
  }

  test('is found by any node that answers', async () => {
    const owner = await node()
    const other = await node(`-MOVED 1 127.0.0.1:${owner.port}`)
    expect(await find(other.url)).toBe(owner.url)
    expect(await find(await nobody(), await nobody(), other.url)).toBe(owner.url)
    expect(
      await find((await node(`-MOVED 1 127.0.0.1:${new URL(await nobody()).port}`)).url, other.url),
    ).toBe(owner.url)
    const silent = await node('')
    expect(await find(silent.url, other.url)).toBe(owner.url)
  })

  test('that changes its nodes one after the other is still found', async () => {
    let owner = await node()
    const seed = await node(`-MOVED 1 127.0.0.1:${owner.port}`)
    const locator = serverLocator({ kind: 'cluster', urls: [seed.url] })
    for (let change = 0; change < 4; change += 1) {
      const connection = await locator.connect(options, 'key')
      expect(connection.url).toBe(owner.url)
      connection.close()
      const next = await node()
      owner.answers.set('SET', `-MOVED 1 127.0.0.1:${next.port}`)
      owner = next
      if (change === 0) await seed[Symbol.asyncDispose]()
    }
  })

  test('says what a node says of it rather than that another node is away', async () => {
    const down = await node('-CLUSTERDOWN The cluster is down')
    const message = `redis://127.0.0.1:${down.port}/0: CLUSTERDOWN The cluster is down`
    await expect(find(await nobody(), down.url, await nobody())).rejects.toThrow(message)
    await expect(find(await nobody())).rejects.toThrow(
      /redis:\/\/127\.0\.0\.1:\d+\/0: .*ECONNREFUSED/,
    )
  })
})
