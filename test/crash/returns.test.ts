/**
 *     sender, leaves while the backend thinks, and comes again ─▶ rcptwise (two that share a ledger) ─▶ fake backend
 *
 * What is held is what docs/known-limits.md says under "When the sender goes away". The same over
 * workers: returns-workers.test.ts; over Redis: test/interop/redis.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import { upgradeClient } from '../tls/secured-client.ts'
import { copies, leave, leaveAndReturn, moments, offer, offerOn, waysToGo } from './returns.ts'
import type { Message } from './sender.ts'

const short = 'X-Spam-Score: 5.5\r\nSubject: test\r\n\r\nhello\r\n'
const long = `${short}${'0123456789abcdef\r\n'.repeat(20_000)}`
const one: Message = { from: 's@x.test', to: ['a@example.org'], text: short }

interface Kind {
  readonly message: Message
  readonly strategy?: string
}

const kinds: Record<string, Kind> = {
  'one recipient': { message: one },
  'recipients of one answer': {
    message: { ...one, to: ['a@example.org', 'b@example.org'] },
    strategy: 'late',
  },
  'two deliveries, plain and tagged': {
    message: { ...one, to: ['a@example.org', 'c@example.org'] },
    strategy: 'lenient',
  },
  'a text that is passed on while it comes in': { message: { ...one, text: long } },
  'a text in a file': {
    message: { ...one, text: long },
    strategy: 'group\nspool: { memory: "0" }',
  },
}

interface Pair extends AsyncDisposable {
  readonly apps: readonly [TestApp, TestApp]
  readonly backend: FakeBackend
  readonly openSplits: () => Promise<number>
}

/** Two that share a ledger, as workers do. */
async function startPair(more = ''): Promise<Pair> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-returns-'))
  const backend = await startFakeBackend()
  const config = `backend: { servers: ["${backend.url}"] }\nrelay_domains: [example.org]\n${more}`
  const options = { config, directory, recipients: '"c@example.org": strict\n' }
  const apps = [await startTestApp(options), await startTestApp(options)] as const
  return {
    apps,
    backend,
    openSplits: async () => (await apps[0].app.ledger.openSplits(10)).length,
    async [Symbol.asyncDispose]() {
      for (const app of apps) await app[Symbol.asyncDispose]()
      await backend[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

const strategy = (name = 'group'): string => `peers:\n  - name: default\n    strategy: ${name}`

/** Everything of the simplest message; of the others what is special about them. */
const rows = Object.entries(kinds).flatMap(([name, kind]) =>
  waysToGo.flatMap((gone) =>
    moments.flatMap((moment) =>
      ([0, 1] as const)
        .filter((to) => kind.message === one || (gone !== 'QUIT' && to === 1))
        .map((to) => ({ name, kind, gone, moment, to, where: to === 0 ? 'here' : 'to the other' })),
    ),
  ),
)

describe('known-limits.md: “When the sender comes again it gets 250, and Rcptwise does not deliver the message a second time.” “The sender may come again before the first attempt is over”', () => {
  test.each(rows)(
    '$name, gone by $gone, comes $where $moment',
    async ({ kind, gone, moment, to }) => {
      const { message } = kind
      await using pair = await startPair(strategy(kind.strategy))
      const { apps, backend, openSplits } = pair
      const ports = [apps[0].port, apps[to].port] as const
      expect(await leaveAndReturn({ gone, moment, message, ports, backend, openSplits })).toMatch(
        /^250/,
      )
      expect(copies(backend, message)).toEqual(message.to.map(() => 1))
      await until('nothing is left open', async () => (await openSplits()) === 0)
      // A deliberate resend is delivered.
      const again = await offer(ports[1], message)
      expect((await again.reply())[0]).toMatch(/^250/)
      again.close()
      expect(copies(backend, message)).toEqual(message.to.map(() => 2))
      const { facts } = apps[0]
      expect(
        [...facts, ...apps[1].facts].filter(({ kind: what }) => what.startsWith('split')),
      ).toEqual([])
    },
  )

  test('also when it has left before the backend has said 354', async () => {
    await using pair = await startPair()
    const { apps, backend, openSplits } = pair
    const how = {
      gone: 'FIN',
      moment: moments[0],
      at: 'DATA',
      message: one,
      backend,
      openSplits,
    } as const
    expect(await leaveAndReturn({ ...how, ports: [apps[0].port, apps[1].port] })).toMatch(/^250/)
    expect(copies(backend, one)).toEqual([1])
  })
})

describe('a return that has waited and is acknowledged after it has left, too', () => {
  const ways = (['FIN', 'RST'] as const).flatMap((first) =>
    (['FIN', 'RST'] as const).map((then) => [first, then] as const),
  )
  test.each(ways)('first %s, then %s', async (first, then) => {
    const goOn = Promise.withResolvers<undefined>()
    await using pair = await startPair()
    const { apps, backend, openSplits } = pair
    backend.rule({ on: 'dot', nth: 1, hold: goOn.promise })
    const ended = (): number => apps[1].facts.filter(({ kind }) => kind === 'sessionClosed').length
    const early = await offer(apps[0].port, one)
    await until('the backend has it', () => backend.texts.length === 1)
    await leave(early, first)
    await until('the ledger knows of the delivery', async () => (await openSplits()) > 0)
    await leave(await offer(apps[1].port, one), then)
    goOn.resolve(undefined)
    await until('both have ended', () => backend.delivered.length === 1 && ended() === 1)
    const third = await offer(apps[1].port, one)
    expect((await third.reply())[0]).toMatch(/^250/)
    await third.ask('QUIT')
    expect(copies(backend, one)).toEqual([1])
    await until('nothing is left open', async () => (await openSplits()) === 0)
  })
})

describe('known-limits.md: “If so, the sender got the answer, and an equal message is a new one.” “With FIN Rcptwise looks two seconds after the answer”', () => {
  test.each(['QUIT\r\n', ''])(
    'hears its 250, and its next message is delivered, however equal (after %j)',
    async (quit) => {
      const goOn = Promise.withResolvers<undefined>()
      await using pair = await startPair()
      const { apps, backend, openSplits } = pair
      backend.rule({ on: 'dot', nth: 1, hold: goOn.promise })
      const client = await offer(apps[0].port, one)
      client.socket.end(quit)
      await until('the ledger knows of the delivery', async () => (await openSplits()) > 0)
      goOn.resolve(undefined)
      expect((await client.reply())[0]).toMatch(/^250/)
      if (quit !== '') expect(await client.reply()).toEqual([expect.stringMatching(/^221/)])
      await until('the ledger knows that it was heard', async () => (await openSplits()) === 0)
      const again = await offer(apps[1].port, one)
      expect((await again.reply())[0]).toMatch(/^250/)
      again.close()
      expect(copies(backend, one)).toEqual([2])
    },
  )

  test("known-limits.md: “Over TLS Rcptwise can't see this, and takes the answer for one that the sender did not get.”", async () => {
    const goOn = Promise.withResolvers<undefined>()
    await using pair = await startPair()
    const { apps, backend, openSplits } = pair
    backend.rule({ on: 'dot', nth: 1, hold: goOn.promise })
    const plain = await Client.connect(apps[0].port)
    for (const line of [undefined, 'EHLO client.test', 'STARTTLS'])
      if (line === undefined) await plain.reply()
      else await plain.ask(line)
    await offerOn(await upgradeClient(plain), one)
    await until('the backend has it', () => backend.texts.length === 1)
    plain.close()
    await until('the ledger knows of the delivery', async () => (await openSplits()) > 0)
    goOn.resolve(undefined)
    await until('the session has ended', () =>
      apps[0].facts.some(({ kind }) => kind === 'sessionClosed'),
    )
    await pause(2500) // longer than it is listened for whether the client has heard it
    const again = await offer(apps[1].port, one)
    expect((await again.reply())[0]).toMatch(/^250/)
    again.close()
    expect(copies(backend, one)).toEqual([1])
  })

  test('known-limits.md: “Rcptwise assumes that a sender that has said QUIT behind its text reads on, and writes the delivery down only after a second.”', async () => {
    await using pair = await startPair()
    const { apps, openSplits } = pair
    const client = await offer(apps[0].port, one)
    client.socket.end('QUIT\r\n')
    expect((await client.reply())[0]).toMatch(/^250/)
    expect(await openSplits()).toBe(0)
    expect(await apps[0].metrics()).not.toMatch(
      /^rcptwise_ledger_seconds_count\{op="save"\} [1-9]/m,
    )
    client.close()
  })
})

test('known-limits.md: “Rcptwise then waits for the outcome of the first attempt, at most timeouts.under_way (20 seconds), and says 451 after that.”', async () => {
  const goOn = Promise.withResolvers<undefined>()
  await using pair = await startPair('timeouts: { under_way: 200ms }')
  const { apps, backend, openSplits } = pair
  const reached = Promise.withResolvers<undefined>()
  backend.rule({ on: 'dot', nth: 1, hold: goOn.promise, reached: () => reached.resolve(undefined) })
  const first = await offer(apps[0].port, one)
  await reached.promise
  first.close()
  await until('the ledger knows of the delivery', async () => (await openSplits()) > 0)
  const second = await offer(apps[1].port, one)
  expect((await second.reply())[0]).toMatch(/^451 4\.4\.2 .*still being delivered.*retry=/)
  goOn.resolve(undefined)
  await until('it is delivered', () => backend.delivered.length === 1)
  const third = await offer(apps[1].port, one)
  expect((await third.reply())[0]).toMatch(/^250/)
  second.close()
  third.close()
  expect(copies(backend, one)).toEqual([1])
})

test('what the backend refused for now is offered to it again by the return that waited', async () => {
  const goOn = Promise.withResolvers<undefined>()
  await using pair = await startPair()
  const { apps, backend, openSplits } = pair
  backend.rule({ on: 'dot', nth: 1, hold: goOn.promise, say: '451 4.3.0 not now' })
  const first = await offer(apps[0].port, one)
  await until('the backend has it', () => backend.texts.length === 1)
  first.close()
  await until('the ledger knows of the delivery', async () => (await openSplits()) > 0)
  const second = await offer(apps[1].port, one)
  goOn.resolve(undefined)
  expect((await second.reply())[0]).toMatch(/^250/)
  second.close()
  expect(copies(backend, one)).toEqual([1])
  await until('nothing is left open', async () => (await openSplits()) === 0)
})
