/**
 * A small version of what `node bench/idle.ts` measures: sessions that only stay and sessions that
 * send a text in drops are all kept, with far fewer connections to the backend than there are slow
 * senders, while mail flows.
 */
import { expect, test } from 'vitest'
import { behind, open, pipeline, start } from '../support/session.ts'
import { Crowd } from '../support/crowd.ts'
import { startFakeBackend } from '../support/fake-backend.ts'

const idleSessions = 500
const slowSessions = 50
const messages = 60

test(
  '500 idle sessions and 50 slow senders are kept, and mail flows through 10 connections',
  { timeout: 120_000 },
  async () => {
    await using backend = await startFakeBackend()
    const pool = `backend: { servers: ["${backend.url}"], pool: { max_connections: 10 }, connect_timeout: 60s }`
    const limits = 'limits: { sessions_per_address: 5000, sessions_per_network: 5000 }'
    await using app = await start({ config: `${pool}\nrelay_domains: [example.org]\n${limits}\n` })
    await using idle = await Crowd.gather(app.port, idleSessions)
    await using slow = await Crowd.dripping(app.port, slowSessions, 100)

    const client = await open(app.port)
    for (let i = 0; i < messages; i++) {
      const said = await pipeline(
        client,
        'MAIL FROM:<fast@example.net>',
        'RCPT TO:<fast@example.org>',
        'DATA',
      )
      expect(said.map((line) => line.slice(0, 3))).toEqual(['250', '250', '354'])
      client.send('Subject: fast\r\n\r\nhello\r\n.\r\n')
      expect((await client.reply())[0]).toMatch(/^250/)
    }
    client.close()
    const from = (sender: string): number =>
      backend.delivered.filter(({ mail }) => mail.startsWith(sender)).length
    expect(from('<fast@')).toBe(messages)
    expect(from('<slow@')).toBe(0)

    expect([idle.size, slow.size]).toEqual([idleSessions, slowSessions])
    expect(await slow.finish()).toBe(slowSessions)
    expect(from('<slow@')).toBe(slowSessions)
    expect(await idle.ask('NOOP', '250')).toBe(idleSessions)
    expect(backend.connections.filter(({ ended }) => !ended).length).toBeLessThanOrEqual(10)
  },
)

test(
  'limits.md: “A slow client keeps nobody from your mail server.”',
  { timeout: 60_000 },
  async () => {
    await using backend = await startFakeBackend()
    await using app = await start({
      config: behind(backend).replace(
        '] }',
        '], pool: { max_connections: 2 }, connect_timeout: 30s }',
      ),
    })
    await using stopped = await Crowd.gather(app.port, 6, ['MAIL FROM:<slow@crowd.test>'])
    const client = await open(app.port)
    const said = await pipeline(
      client,
      'MAIL FROM:<fast@example.net>',
      'RCPT TO:<fast@example.org>',
      'DATA',
    )
    expect(said.map((line) => line.slice(0, 3))).toEqual(['250', '250', '354'])
    client.send('hello\r\n.\r\n')
    expect((await client.reply())[0]).toMatch(/^250/)
    client.close()
    expect(await stopped.ask('RCPT TO:<slow@example.org>', '250')).toBe(6)
  },
)
