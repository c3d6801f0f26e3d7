/**
 * What a message costs in questions to the server of the ledger, counted where they arrive (MONITOR).
 *
 *   client ─▶ Rcptwise ─▶ redis-server 7.0 (Debian 12)
 */
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as scripts from '../../../src/ledger/redis/scripts.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { until } from '../../support/lab/until.ts'
import { redisObstacle, startRedis, type RedisServer } from './redis-server.ts'
import { sendWithRetries, type Outcome } from './retrying-client.ts'

const policies = '"tag@example.org": tag-only\n"strict@example.org": strict\n'
const five = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}@example.org`)

/** Names of the ledger's scripts as they are asked, without those that nobody's mail waits for. */
async function listen(
  port: number,
): Promise<{ readonly asked: string[]; readonly socket: Socket }> {
  const names = new Map(
    Object.entries(scripts).map(([name, { sha1 }]) => [sha1, name.replace(/Script$/, '')]),
  )
  const asked: string[] = []
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('utf8').on('data', (text: string) => {
    for (const [, lua, sha1 = ''] of text.matchAll(/\[\d+ (lua)?[^\]]*\] "EVALSHA" "(\w+)"/gi)) {
      const name = names.get(sha1)
      if (lua === undefined && name !== undefined && name !== 'senders') asked.push(name)
    }
  })
  socket.write('MONITOR\r\n')
  await until('it listens', () => socket.bytesRead > 0)
  return { asked, socket }
}

describe.skipIf(redisObstacle() !== undefined)('questions to Redis', () => {
  let redis: RedisServer
  let app: TestApp
  let heard: Awaited<ReturnType<typeof listen>>

  beforeEach(async () => {
    redis = await startRedis()
    const config = `ledger: "${redis.url}"`
    app = await startTestApp({ recipients: policies, config })
    heard = await listen(redis.port)
  })
  afterEach(async () => {
    heard.socket.destroy()
    await app[Symbol.asyncDispose]()
    await redis[Symbol.asyncDispose]()
  })

  let sent = 0
  async function send(recipients: readonly string[]): Promise<Outcome> {
    sent += 1
    const message = `Subject: ${sent}\r\nMessage-ID: <${sent}@x.test>\r\nX-Spam-Score: 9.5\r\n\r\nhello`
    return await sendWithRetries({ hosts: [app.port], recipients, message })
  }
  const asked = async (): Promise<string[]> => {
    await redis.ask('PING')
    return heard.asked.splice(0)
  }

  test('ledger.md: “Of a sender of whom nothing is open Rcptwise asks nothing at all.”', async () => {
    await until('it knows of whom nothing is open', async () => {
      await send(['a@example.org'])
      const before = (await asked()).filter((name) => name !== 'opened')
      return before.length === 0
    })
    let opened = 0
    for (let n = 0; n < 100; n += 1) {
      await send(n % 2 === 0 ? ['a@example.org'] : five)
      const names = await asked()
      expect(names.filter((name) => name !== 'opened')).toEqual([])
      opened += names.length
    }
    // How many splits are open is asked four times a second, however many messages come.
    expect(opened).toBeLessThan(100)
  })

  test('ledger.md: “Of others it asks one question a transaction, whatever the number of recipients.”', async () => {
    const { attempts } = await send([...five, 'strict@example.org', 'tag@example.org'])
    const names = await asked()
    expect(attempts.length).toBeGreaterThan(2)
    expect(names).toContain('openOf')
    expect(names.filter((name) => name === 'openOf').length).toBeLessThanOrEqual(attempts.length)
    expect(names).not.toContain('recall')
  })
})
