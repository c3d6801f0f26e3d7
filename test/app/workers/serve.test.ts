/**
 * `rcptwise serve` with two worker processes, as an operator has it: one port, one ledger, one set
 * of metrics.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FakeBackend, startFakeBackend } from '../../support/fake-backend.ts'
import { Client } from '../../support/dialogue.ts'
import { until } from '../../support/lab/until.ts'
import { senderOf, untilAnswered } from '../../crash/sender.ts'
import { Home, type Served } from '../../crash/serve.ts'
import { pidsOf, sendOn, sessions, sum, transactions, valuesOf } from './clients.ts'

const workers = 2
const recipients = '"strict@example.org": strict\n"tag@example.org": tag-only\n'

const messageTo = (...to: readonly string[]): Parameters<typeof senderOf>[0] => ({
  from: 's@x.test',
  to,
  text: `Subject: x\r\nMessage-ID: <${crypto.randomUUID()}@x.test>\r\n\r\nhello\r\n`,
})

describe('two workers', () => {
  let backend: FakeBackend
  let home: Home
  let served: Served
  beforeAll(async () => {
    backend = await startFakeBackend()
    home = await Home.make()
    served = await home.serve({ backendUrl: backend.url, recipients, workers })
  }, 60_000)
  afterAll(async () => {
    served.signal('SIGTERM')
    await served.ending()
    await home[Symbol.asyncDispose]()
    await backend.stop()
  })

  test(
    'both take mail, and each message is counted once; known-limits.md: “rcptwise_backend_delivery_seconds shows how long that is.”',
    { timeout: 60_000 },
    async () => {
      await until(
        'both have taken mail',
        async () => {
          const clients = await sessions(served, 8)
          for (const client of clients) {
            expect(await sendOn(client, 'a@example.org')).toMatch(/^250 /)
            client.close()
          }
          return pidsOf(transactions(served)).size === workers
        },
        { explain: () => served.output },
      )
      const count = backend.delivered.length
      await until('each has its line', () => transactions(served).length === count)
      expect(await sum(served, 'transactions_total', 'outcome="accepted"')).toBe(count)
      expect(await sum(served, 'backend_delivery_seconds_count')).toBe(count)
      await until(
        'all sessions are counted',
        async () => (await sum(served, 'sessions_total')) === count,
      )
      expect(await sum(served, 'sessions_open')).toBe(0)
      expect(await valuesOf(served, 'strategy_in_force')).toEqual([1])
      expect(await sum(served, 'ledger_durable')).toBe(1)
      const ready = await fetch(`${served.adminUrl}/readyz`)
      expect(await ready.json()).toEqual({ ready: true, draining: false, reasons: [] })
    },
  )

  test('the retry of a split may come to the other one', { timeout: 60_000 }, async () => {
    const before = backend.delivered.length
    let messages = 0
    await until(
      'a split went through both',
      async () => {
        messages++
        const sender = senderOf(messageTo('tag@example.org', 'strict@example.org'))
        await untilAnswered(sender, served.listeningPort)
        expect([...sender.answered.values()].map((reply) => reply.slice(0, 3))).toEqual([
          '250',
          '250',
        ])
        const bySplit = Map.groupBy(transactions(served), ({ split }) => split)
        bySplit.delete(undefined)
        return [...bySplit.values()].some((lines) => pidsOf(lines).size === workers)
      },
      { explain: () => served.output },
    )
    expect(backend.delivered).toHaveLength(before + 2 * messages)
    expect(await sum(served, 'splits_total', 'outcome="completed"')).toBe(messages)
    expect(await sum(served, 'splits_open')).toBe(0)
  })

  test(
    'a strategy that is set at the primary is in force in both',
    { timeout: 60_000 },
    async () => {
      const put = async (method: string, body?: string): Promise<number> => {
        const url = `${served.adminUrl}/api/v1/peers/default/strategy`
        const headers = { 'content-type': 'application/json' }
        return (await fetch(url, { method, headers, ...(body !== undefined && { body }) })).status
      }
      const deferred = async (client: Client): Promise<boolean> => {
        // Each from another sender: what comes from the same one might be the retry of a split.
        await client.ask(`MAIL FROM:<${crypto.randomUUID()}@x.test>`)
        await client.ask('RCPT TO:<tag@example.org>')
        const second = await client.ask('RCPT TO:<strict@example.org>')
        await client.ask('RSET')
        return second.startsWith('451')
      }
      const clients = await sessions(served, 8)
      const all = async (): Promise<boolean[]> => await Promise.all(clients.map(deferred))
      expect(await all()).not.toContain(false)
      expect(await put('PUT', '{"strategy":"lenient"}')).toBe(200)
      await until('nobody is deferred any more', async () => !(await all()).includes(true))
      expect(await put('DELETE')).toBe(200)
      await until('all are deferred again', async () => !(await all()).includes(false))
      for (const client of clients) client.close()
    },
  )
})

test(
  'one that is killed is replaced, and nothing that was counted is lost',
  { timeout: 90_000 },
  async () => {
    const [reached, never] = [
      Promise.withResolvers<undefined>(),
      new Promise<undefined>(() => undefined),
    ]
    await using backend = await startFakeBackend({
      rules: [
        {
          on: 'RCPT',
          having: 'held@',
          nth: 1,
          hold: never,
          reached: () => reached.resolve(undefined),
        },
      ],
    })
    await using home = await Home.make()
    const served = await home.serve({
      backendUrl: backend.url,
      workers,
      config: 'timeouts: { shutdown: 1s }',
    })
    await until('both have taken mail', async () => {
      await untilAnswered(senderOf(messageTo('a@example.org')), served.listeningPort)
      return pidsOf(transactions(served)).size === workers
    })
    const accepted = async (): Promise<number> =>
      await sum(served, 'transactions_total', 'outcome="accepted"')
    const before = await accepted()
    expect(before).toBe(backend.delivered.length)

    const sender = senderOf(messageTo('held@example.org'))
    const attempt = sender.attempt(served.listeningPort)
    await reached.promise
    const pids = [...pidsOf(transactions(served))].map(Number)
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await attempt
    expect(sender.open()).toEqual(['held@example.org'])
    await until('both are replaced', async () => {
      expect(await accepted()).toBeGreaterThanOrEqual(before)
      return (
        (await sum(served, 'workers_lost_total')) === workers &&
        (await fetch(`${served.adminUrl}/readyz`)).ok
      )
    })
    expect(served.events('workerLost').map(({ how }) => how)).toEqual(['SIGKILL', 'SIGKILL'])
    await untilAnswered(sender, served.listeningPort)
    expect(
      backend.delivered.filter(({ recipients: [to = ''] }) => to.includes('held@')),
    ).toHaveLength(1)
    await until('the last message is counted', async () => (await accepted()) === before + 1)
    served.signal('SIGTERM')
    expect(await served.ending()).toBe(0)
  },
)

test(
  'SIGTERM: sessions of both hear 421, who waits for an answer gets it, and it ends with 0',
  { timeout: 60_000 },
  async () => {
    const [reached, goOn] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
    await using backend = await startFakeBackend({
      rules: [{ on: 'dot', hold: goOn.promise, reached: () => reached.resolve(undefined) }],
    })
    await using home = await Home.make()
    const served = await home.serve({ backendUrl: backend.url, workers })
    const clients = await sessions(served, 8)
    const [busy, ...idle] = clients
    if (busy === undefined) throw new Error('no session')
    const answer = sendOn(busy, 'a@example.org')
    await reached.promise
    // As systemd does: to all processes of the service.
    served.signal('SIGTERM')
    for (const client of idle) {
      expect((await client.reply()).join()).toMatch(/^421 4\.3\.2 /)
      expect(await client.line()).toBeUndefined()
    }
    await expect(Client.connect(served.listeningPort)).rejects.toThrow('ECONNREFUSED')
    goOn.resolve(undefined)
    expect(await answer).toMatch(/^250 /)
    for (const client of clients) client.close()
    expect(await served.ending()).toBe(0)
    expect(served.events('stopped')).toHaveLength(1)
    await until('the backend was left', () => backend.open() === 0)
  },
)

test.each([
  [
    'a file of recipients with a mistake',
    { recipients: 'strict@example.org: no-such-policy\n' },
    /recipients\.yaml:1: /,
  ],
])('%s: said once, and it ends with 1', { timeout: 60_000 }, async (_, options, why) => {
  await using backend = await startFakeBackend()
  await using home = await Home.make()
  const served = await home.serve({ backendUrl: backend.url, workers, ...options })
  expect(await served.ending()).toBe(1)
  const lines = served.events('not started')
  expect(lines).toHaveLength(1)
  expect(lines[0]?.['msg']).toMatch(why)
})
