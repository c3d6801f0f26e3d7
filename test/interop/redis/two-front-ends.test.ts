/**
 * Two front-ends share a ledger; the sender retries at the other one each time.
 *
 *   legacy client ─┬─▶ Rcptwise one ───┬─▶ one sink
 *                  └─▶ Rcptwise other ─┘
 *                           └─▶ redis-server 7.0 (Debian 12)
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { Client } from '../../support/dialogue.ts'
import { until } from '../../support/lab/until.ts'
import { redisObstacle, startRedis, type RedisServer } from './redis-server.ts'
import { copies, leaveAndReturn, moments, waysToGo } from '../../crash/returns.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'
import { sendWithRetries, type Outcome, type Sending } from './retrying-client.ts'

const policies = `
"tag@example.org": tag-only
"careful@example.org": careful
"strict@example.org": strict
`
const [tag, careful, strict] = [
  'tag@example.org',
  'careful@example.org',
  'strict@example.org',
] as const
const start = Date.UTC(2026, 9, 5, 8)

describe.skipIf(redisObstacle() !== undefined)('two front-ends with one ledger', () => {
  let redis: RedisServer
  let directory: string
  let apps: readonly [TestApp, TestApp]
  let now: number
  let sent = 0

  beforeEach(async () => {
    redis = await startRedis()
    directory = await mkdtemp(join(tmpdir(), 'rcptwise-test-'))
    now = start
    const startApp = async (): Promise<TestApp> =>
      await startTestApp({
        directory,
        recipients: policies,
        config: `ledger: "${redis.url}/1"`,
        now: () => now,
      })
    apps = [await startApp(), await startApp()]
  })
  afterEach(async () => {
    for (const app of apps) await app[Symbol.asyncDispose]()
    await redis[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  async function send(
    recipients: readonly string[],
    options: Partial<Sending> = {},
  ): Promise<Outcome> {
    sent += 1
    const message = `Subject: ${sent}\r\nMessage-ID: <${sent}@example.net>\r\nX-Spam-Score: 9.5\r\n\r\nhello`
    const hosts = apps.map((app) => app.port)
    const beforeRetry = async (): Promise<void> => {
      now += 60_000
      await Promise.resolve()
    }
    return await sendWithRetries({ hosts, recipients, message, beforeRetry, ...options })
  }

  const mailOf = async (address: string): Promise<number> => (await apps[0].mail(address)).length
  const kinds = (): string[] => apps.flatMap((app) => app.facts.map((fact) => fact.kind))
  /** Of both, by the name of the series with its labels. */
  async function metric(name: string): Promise<number[]> {
    const texts = await Promise.all(apps.map(async (app) => await app.metrics()))
    return texts.map((text) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.slice(name.length),
      ),
    )
  }
  const labels = '{peer="default",strategy="group"}'

  test.each(waysToGo.flatMap((gone) => moments.map((moment) => ({ gone, moment }))))(
    'a sender that leaves by $gone while the backend thinks, and comes to the other one $moment, hears 250; nobody has it twice',
    async ({ gone, moment }) => {
      await using backend = await startFakeBackend()
      const config = `ledger: "${redis.url}/2"\nbackend: { servers: ["${backend.url}"] }\nrelay_domains: [example.org]`
      await using one = await startTestApp({ config })
      await using other = await startTestApp({ config })
      const message = {
        from: 's@x.test',
        to: ['a@example.org'],
        text: 'Subject: x\r\n\r\nhello\r\n',
      }
      const openSplits = async (): Promise<number> => (await other.app.ledger.openSplits(10)).length
      const ports = [one.port, other.port] as const
      expect(await leaveAndReturn({ gone, moment, message, ports, backend, openSplits })).toMatch(
        /^250/,
      )
      expect(copies(backend, message)).toEqual([1])
      await until('nothing is left open', async () => (await openSplits()) === 0)
    },
  )

  test('a retry at the other one is known there: delay measured, refusal kept and given, nobody twice', async () => {
    const { attempts, delivered, refused } = await send([strict, tag])
    expect({ delivered, refused }).toEqual({ delivered: [tag], refused: [strict] })
    // The second attempt is known by its text alone (rule 10); who would go in vain goes last.
    expect(attempts).toHaveLength(3)
    expect(attempts[0]?.rcpt.get(tag)).toMatch(/^451 4\.5\.3 .*retry=00:01:00$/)
    expect(attempts[0]?.text).toMatch(/^451 4\.5\.3 /)
    expect(attempts[1]?.rcpt.get(strict)).toMatch(/^451 4\.5\.3 /)
    expect(attempts[1]?.text).toMatch(/^250 /)
    // Its refusal was found at the first attempt, by the first one; the text of the last is not
    // judged anew.
    expect(attempts[2]?.text).toMatch(/^550 5\.7\.1 <strict@example\.org>/)
    expect([await mailOf(tag), await mailOf(strict)]).toEqual([1, 0])

    expect(await metric('rcptwise_messages_total{peer="default",mode="split"}')).toEqual([1, 0])
    expect(await metric(`rcptwise_forced_retries_total${labels}`)).toEqual([2, 1])
    expect(await metric(`rcptwise_retry_delay_seconds_count${labels}`)).toEqual([1, 2])
    expect(await metric(`rcptwise_retry_delay_seconds_sum${labels}`)).toEqual([60, 120])
    expect(
      await metric('rcptwise_splits_total{peer="default",strategy="group",outcome="completed"}'),
    ).toEqual([1, 0])
    expect(await metric(`rcptwise_split_duration_seconds_sum${labels}`)).toEqual([120, 0])
    expect(await metric(`rcptwise_splits_open${labels}`)).toEqual([0, 0])
    expect(await metric('rcptwise_ledger_durable')).toEqual([1, 1])
  })

  test('in-and-out.md: “the command drains all of them at once, and counts the splits of all”', async () => {
    interface Drained {
      readonly draining: boolean
      readonly done: boolean
      readonly held: number
      readonly shared: boolean
    }
    const drain = async (app: TestApp, method: string): Promise<Drained> => {
      const url = `http://127.0.0.1:${app.app.admin?.port ?? 0}/api/v1/drain`
      return (await (await fetch(url, { method })).json()) as Drained
    }
    const config = `ledger: "${redis.url}/3"\npeers: [{ name: default, strategy: late }]`
    await using one = await startTestApp({ config, recipients: policies, now: () => now })
    await using other = await startTestApp({ config, recipients: policies, now: () => now })
    const once = async ({ port }: TestApp): Promise<string | undefined> =>
      (await send([tag, strict], { hosts: [port], mostAttempts: 1 })).attempts[0]?.text
    expect(await once(other)).toMatch(/^451/)
    const begun = (await one.app.ledger.openSplits(10)).length
    expect(begun).toBe(1)
    // The split is of the other one, and the first one is asked.
    expect(await drain(one, 'PUT')).toMatchObject({ draining: true, held: 1, shared: true })
    await until('the other one drains, too', async () => (await drain(other, 'GET')).draining)
    for (const app of [one, other]) expect(await once(app)).toMatch(/^250/)
    expect(await one.app.ledger.openSplits(10)).toHaveLength(begun)
    expect((await drain(other, 'DELETE')).draining).toBe(false)
    await until('the first one has heard of that', async () => !(await drain(one, 'GET')).draining)
  })

  test('late: who has it is acknowledged by the other one without a second delivery; without the store nobody is delivered to early', async () => {
    await apps[0].app.ledger.setOverride({
      peer: 'default',
      strategy: 'late',
      setAt: now,
      by: 'test',
    })
    await until('both know', () => apps.every((app) => app.app.ledger.overrides().length === 1))
    const { attempts, delivered, refused } = await send([strict, careful, tag])
    expect({ delivered, refused }).toEqual({ delivered: [careful, tag], refused: [strict] })
    expect(attempts.map(({ text }) => text?.slice(0, 3))).toEqual(['451', '451', '250', '550'])
    expect([...(attempts[0]?.rcpt.values() ?? [])].map((reply) => reply.slice(0, 3))).toEqual([
      '250',
      '250',
      '250',
    ])
    expect([await mailOf(careful), await mailOf(tag), await mailOf(strict)]).toEqual([1, 1, 0])
    expect(await metric('rcptwise_duplicates_suppressed_total{peer="default"}')).toEqual([2, 0])

    await redis.kill()
    await until('it is noticed', () => apps.every((app) => !app.app.ledger.durable))
    const alone = await send([strict, careful, tag], { mostAttempts: 1 })
    expect(
      [...(alone.attempts[0]?.rcpt.values() ?? [])].map((reply) => reply.slice(0, 3)),
    ).toContain('451')
    expect(kinds()).toContain('ledgerTrouble')
  })

  test('that meet in one split at the same moment keep what each of them knows', async () => {
    const message =
      'Subject: meet\r\nMessage-ID: <meet@example.net>\r\nX-Spam-Score: 9.5\r\n\r\nhello'
    const first = await send([strict, careful, tag], { message, mostAttempts: 1 })
    expect(first).toMatchObject({ delivered: [], refused: [] })
    now += 60_000
    const clients = await Promise.all(apps.map(async (app) => await Client.connect(app.port)))
    try {
      // Both have recalled the same version before either writes the next.
      for (const [index, client] of clients.entries()) {
        await client.reply()
        await client.ask('EHLO client.test')
        await client.ask('MAIL FROM:<s@example.net>')
        expect(await client.ask(`RCPT TO:<${index === 0 ? careful : tag}>`)).toMatch(/^250 /)
        expect(await client.ask('DATA')).toMatch(/^354 /)
      }
      const replies = await Promise.all(
        clients.map(async (client) => await client.ask(`${message}\r\n.`)),
      )
      for (const reply of replies) expect(reply).toMatch(/^250 /)
    } finally {
      for (const client of clients) client.close()
    }
    const [split] = await apps[0].app.ledger.openSplits(10)
    expect(split?.recipients.map(({ address, state }) => [address, state])).toEqual(
      expect.arrayContaining([
        [careful, 'answered'],
        [tag, 'answered'],
        [strict, 'refused'],
      ]),
    )
    now += 60_000
    const last = await send([strict], { message })
    expect(last.attempts).toHaveLength(1)
    expect(last.refused).toEqual([strict])
    expect([await mailOf(careful), await mailOf(tag), await mailOf(strict)]).toEqual([1, 1, 0])
    expect(
      await metric('rcptwise_splits_total{peer="default",strategy="group",outcome="completed"}'),
    ).toEqual([1, 0])
    expect(await metric(`rcptwise_splits_open${labels}`)).toEqual([0, 0])
  })

  test('both report the same open splits', async () => {
    await send([strict, tag], { mostAttempts: 1 })
    expect(await metric(`rcptwise_splits_open${labels}`)).toEqual([1, 1])
    const [split] = await apps[1].app.ledger.openSplits(10)
    expect(split?.recipients.map(({ address, state }) => [address, state])).toEqual([
      [strict, 'refused'],
      [tag, 'waiting'],
    ])
  })

  test('ledger.md: “When the admin API has answered, a strategy applies on all front-ends that reach the server”', async () => {
    for (const strategy of ['off', 'group', 'lenient', 'late']) {
      const url = `http://127.0.0.1:${apps[0].app.admin?.port ?? 0}/api/v1/peers/default/strategy`
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(url, {
        method: 'PUT',
        headers,
        body: JSON.stringify({ strategy }),
      })
      expect(await answer.json()).not.toHaveProperty('notYet')
      expect(apps[1].app.ledger.overrides()).toMatchObject([{ strategy }])
    }
  })

  test('a strategy set on one is in force on the other within a second', async () => {
    const override = { peer: 'default', strategy: 'off', setAt: now, by: 'admin' } as const
    await apps[0].app.ledger.setOverride(override)
    await until('the other one knows', () => apps[1].app.ledger.overrides().length === 1)
    const { attempts, delivered } = await send([strict, tag], { hosts: [apps[1].port] })
    expect(attempts).toHaveLength(1)
    expect(delivered.toSorted()).toEqual([strict, tag])
  })

  test('when the server of the ledger goes away in the middle, everyone still gets their answer, and nobody twice', async () => {
    const outcome = await send([strict, careful, tag], {
      beforeRetry: async (attempt) => {
        now += 60_000
        if (attempt === 1) await redis.kill()
      },
    })
    expect(outcome.delivered.toSorted()).toEqual([careful, tag])
    expect(outcome.refused).toEqual([strict])
    expect([await mailOf(careful), await mailOf(tag), await mailOf(strict)]).toEqual([1, 1, 0])
    await until('both have noticed', () => apps.every((app) => !app.app.ledger.durable))
    expect(await metric('rcptwise_ledger_durable')).toEqual([0, 0])
    expect(kinds().filter((kind) => kind === 'ledgerTrouble')).toHaveLength(2)

    await redis.startAgain()
    await until('both are durable again', () => apps.every((app) => app.app.ledger.durable))
    expect(kinds().filter((kind) => kind === 'ledgerRecovered')).toHaveLength(2)
    const next = await send([strict, tag])
    expect(next).toMatchObject({ delivered: [tag], refused: [strict] })
    expect([await mailOf(careful), await mailOf(tag), await mailOf(strict)]).toEqual([1, 2, 0])
  })

  test('what one has kept in memory is known to the other once the server is back', async () => {
    await redis.kill()
    await until('both have noticed', () => apps.every((app) => !app.app.ledger.durable))
    const outcome = await send([strict, tag], {
      beforeRetry: async (attempt) => {
        now += 60_000
        if (attempt > 1) return
        await redis.startAgain()
        await until('both are durable again', () => apps.every((app) => app.app.ledger.durable))
      },
    })
    expect(outcome.attempts).toHaveLength(3)
    expect(outcome).toMatchObject({ delivered: [tag], refused: [strict] })
    expect(await metric(`rcptwise_retry_delay_seconds_sum${labels}`)).toEqual([60, 120])
  })
})
