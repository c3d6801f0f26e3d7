/**
 * Of whom nothing is open is known in memory (src/ledger/redis/watch.ts). These tests try to make a
 * front-end say it of a sender of whom another front-end has opened a split.
 *
 *   one ledger ──────────────▶ redis-server 7.0 (Debian 12)
 *   another ──▶ (slow proxy) ──────┘
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Ledger } from '../../../src/ledger/ledger.ts'
import { openRedisLedger, type RedisLedgerOptions } from '../../../src/ledger/redis/redis.ts'
import { closed, minute, splitOf, start } from '../../ledger/splits.ts'
import { until } from '../../support/lab/until.ts'
import { redisObstacle, startRedis, type RedisServer } from './redis-server.ts'
import { startSlowProxy } from './slow-proxy.ts'

const day = 24 * 60 * minute
const limits = { all: 1000, perSender: 1000, bytesPerSender: 1_000_000, perClient: 1000 }

describe.skipIf(redisObstacle() !== undefined)('a sender of whom nothing is open', () => {
  let server: RedisServer
  let opened: Ledger[]
  let senders = 0

  beforeEach(async () => {
    server = await startRedis()
    opened = []
  })
  afterEach(async () => {
    for (const ledger of opened) await ledger.close()
    await server[Symbol.asyncDispose]()
  })

  async function open(
    url = server.url,
    options: Partial<RedisLedgerOptions> = {},
  ): Promise<Ledger> {
    const ledger = await openRedisLedger({
      place: { kind: 'server', url },
      prefix: 'test:',
      patienceMs: 5 * day,
      keepMs: day,
      onFact: () => undefined,
      clock: () => start,
      retryMs: 50,
      ...options,
    })
    opened.push(ledger)
    return ledger
  }

  const newSender = (): string => `s${(senders += 1)}@example.net`
  /** Without a question to the server. */
  const isQuiet = (ledger: Ledger, sender: string): boolean => {
    const told = ledger.openOf(sender)
    if (!(told instanceof Promise)) return told.length === 0
    void told.catch(() => undefined)
    return false
  }
  const knowsQuiet = async (ledger: Ledger): Promise<void> => {
    await until('it knows of whom nothing is open', () => isQuiet(ledger, 'nobody@example.net'))
  }
  const commands = async (name: string): Promise<number> =>
    Number(
      new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(
        String(await server.ask('INFO', 'commandstats')),
      )?.[1] ?? 0,
    )
  /** Opens a split, and gives its sender. */
  const openSplit = async (ledger: Ledger): Promise<string> => {
    const reversePath = newSender()
    expect(await ledger.save(splitOf(reversePath, { reversePath }))).toEqual({ saved: true })
    return reversePath
  }

  test('is not asked for, and neither is whether many splits are open', async () => {
    const [one, other] = [await open(), await open()]
    for (let n = 0; n < 20; n += 1) await openSplit(other)
    await knowsQuiet(one)
    const opener = { reversePath: 'nobody@example.net', client: 'example.net' }
    await one.crowded(opener, limits)
    await server.ask('CONFIG', 'RESETSTAT')
    for (let n = 0; n < 10_000; n += 1) {
      const reversePath = newSender()
      if (!isQuiet(one, reversePath)) expect(await one.openOf(reversePath)).toEqual([])
      await one.crowded({ ...opener, reversePath }, limits)
    }
    // What is read several times a second, whatever comes, may fall among them.
    expect(await commands('evalsha')).toBeLessThan(200)
  })

  test('is known as such by nobody any more once somebody is told that its split is saved', async () => {
    const ledgers = [await open(), await open(), await open()]
    for (const ledger of ledgers) await knowsQuiet(ledger)
    const wrong: string[] = []
    const saveAndLook = async (n: number): Promise<void> => {
      const ledger = ledgers[n % ledgers.length]
      if (ledger === undefined) return
      await sleep(Math.random() * 1000)
      const sender = await openSplit(ledger)
      for (const each of ledgers) if (isQuiet(each, sender)) wrong.push(sender)
    }
    await Promise.all(Array.from({ length: 3000 }, async (_, n) => await saveAndLook(n)))
    expect(wrong).toEqual([])
    for (const ledger of ledgers) expect(isQuiet(ledger, 'nobody@example.net')).toBe(true)
  })

  test('also of its second split, saved while the first one is not heard of everywhere', async () => {
    await using proxy = await startSlowProxy(server.port)
    const [one, other, slow] = [await open(), await open(), await open(proxy.url)]
    for (const ledger of [one, other, slow]) await knowsQuiet(ledger)
    proxy.hold()
    const reversePath = newSender()
    const saves = [one, other].map(async (ledger, n) => {
      await ledger.save(splitOf(`${n}`, { reversePath }))
      expect(isQuiet(slow, reversePath)).toBe(false)
    })
    await Promise.all(saves)
    proxy.release()
  })

  test('whatever another one does not hear from the server', async () => {
    await using proxy = await startSlowProxy(server.port)
    const [one, slow] = [await open(), await open(proxy.url)]
    await knowsQuiet(one)
    for (let n = 0; n < 5; n += 1) {
      await until('it is in use', () => slow.durable)
      await knowsQuiet(slow)
      proxy.hold()
      expect(isQuiet(slow, 'nobody@example.net')).toBe(true)
      const sender = await openSplit(one)
      expect(isQuiet(slow, sender)).toBe(false)
      proxy.release()
    }
  })

  test('of one that has gone without a word nobody waits for long', async () => {
    await using proxy = await startSlowProxy(server.port)
    const [one, gone] = [await open(), await open(proxy.url, { timeoutMs: 600_000 })]
    await knowsQuiet(one)
    await knowsQuiet(gone)
    proxy.hold()
    await openSplit(one)
    await openSplit(one)
    expect(await server.ask('ZCARD', '{test:3}:watchers')).toBe(2)
    proxy.release()
    await knowsQuiet(gone)
  })

  test('when the messages that wake are lost', async () => {
    const ledgers = [await open(), await open()]
    for (const ledger of ledgers) await knowsQuiet(ledger)
    const kill = async (): Promise<unknown> =>
      await server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => undefined)
    const killing = setInterval(() => void kill(), 20)
    try {
      for (let n = 0; n < 20; n += 1) {
        const [one, other] = n % 2 === 0 ? ledgers : ledgers.toReversed()
        if (one === undefined || other === undefined) return
        expect(isQuiet(other, await openSplit(one))).toBe(false)
      }
    } finally {
      clearInterval(killing)
    }
  })

  test('when the server was flushed in between', async () => {
    const [one, other] = [await open(), await open()]
    for (let n = 0; n < 6; n += 1) {
      await knowsQuiet(one)
      await knowsQuiet(other)
      await sleep(Math.random() * 130)
      await server.ask('FLUSHALL')
      const saved = [await openSplit(one), await openSplit(one)]
      for (const sender of saved) expect(isQuiet(other, sender)).toBe(false)
    }
  })

  test('when the server has older data again, in which the one that looks has left no mark', async () => {
    const one = await open()
    await server.ask('SAVE')
    const other = await open()
    await knowsQuiet(one)
    await knowsQuiet(other)
    await server.kill()
    await server.startAgain()
    await until('one is back', () => one.durable)
    const sender = await openSplit(one)
    expect(isQuiet(other, sender)).toBe(false)
    await until('the other is back', () => other.durable)
    await knowsQuiet(other)
    expect(isQuiet(other, sender)).toBe(false)
  })

  test('while connections are lost all the time', async () => {
    const ledgers = [await open(), await open(), await open()]
    const kill = async (): Promise<unknown> =>
      await server.ask('CLIENT', 'KILL', 'TYPE', 'normal').catch(() => undefined)
    const killing = setInterval(() => void kill(), 800)
    const wrong: string[] = []
    let looks = 0
    const work = async (ledger: Ledger): Promise<void> => {
      const until = performance.now() + 4000
      while (performance.now() < until) {
        await sleep(2)
        const inUse: readonly boolean[] = ledgers.map(({ durable }) => durable)
        const sender = await openSplit(ledger)
        // What is in memory alone is not known elsewhere.
        if (inUse.includes(false) || !ledger.durable) continue
        const stored = await server.ask('EXISTS', `{test:3}:s:${sender}`).catch(() => 0)
        for (const each of ledgers) {
          looks += 1
          if (stored === 1 && each.durable && isQuiet(each, sender)) wrong.push(sender)
        }
      }
    }
    await Promise.all(ledgers.map(work))
    clearInterval(killing)
    expect(wrong).toEqual([])
    expect(looks).toBeGreaterThan(0)
  })

  test('is one again when its splits are closed and the bits are read anew', async () => {
    const [one, other] = [await open(), await open()]
    const sender = await openSplit(one)
    await one.save(closed(splitOf(sender, { reversePath: sender }), start))
    expect(await other.openOf(sender)).toEqual([])
    const third = await open()
    await knowsQuiet(third)
    expect(isQuiet(third, sender)).toBe(true)
  })
})
