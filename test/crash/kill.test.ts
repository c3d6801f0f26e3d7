/**
 *     sender (tries until it has an answer) ─▶ rcptwise serve, killed with -9 ─▶ fake backend
 *
 * Nothing is lost. What can be there twice is only a message whose end the backend had when its
 * answer could not be told any more (docs/known-limits.md).
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Client } from '../support/dialogue.ts'
import { type FakeBackend, type Rule, startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import { standStill } from '../support/stopped.ts'
import { type Sender, senderOf, untilAnswered } from './sender.ts'
import { Home, type Served } from './serve.ts'

const to = ['a@example.org', 'b@example.org']
const text = 'Subject: test\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n'

/** How often each recipient has the message. */
function copies(backend: FakeBackend, recipients: readonly string[] = to): number[] {
  const all = backend.delivered.flatMap((transaction) => transaction.recipients)
  return recipients.map((recipient) => all.filter((one) => one === `<${recipient}>`).length)
}

const gate = (): PromiseWithResolvers<undefined> => Promise.withResolvers<undefined>()

describe('known-limits.md: “the end of Rcptwise at any moment, tried with kill -9”', () => {
  /**
   * Where the backend is when the product is killed. Its own work goes on afterwards, as that of a
   * real one does.
   */
  const steps: [string, Rule, number][] = [
    ['after MAIL', { on: 'MAIL', nth: 1 }, 1],
    ['after RCPT', { on: 'RCPT', nth: 2 }, 1],
    ['at DATA', { on: 'DATA', nth: 1 }, 1],
    ['after the dot, before the backend has answered', { on: 'dot', nth: 1 }, 2],
    ['after the dot, when the backend has taken it', { on: 'dot', nth: 1, takenFirst: true }, 2],
  ]
  test.each(steps)('%s', async (_, rule, expected) => {
    const [reached, goOn] = [gate(), gate()]
    await using backend = await startFakeBackend({
      rules: [{ ...rule, hold: goOn.promise, reached: () => reached.resolve(undefined) }],
    })
    await using home = await Home.make()
    const sender = senderOf({ from: 's@x.test', to, text })
    const first = await home.serve({ backendUrl: backend.url })
    const attempt = sender.attempt(first.listeningPort)
    await reached.promise
    await first.kill()
    goOn.resolve(undefined)
    await attempt
    expect(sender.answered.size).toBe(0)
    const second = await home.serve({ backendUrl: backend.url })
    await untilAnswered(sender, second.listeningPort)
    expect([...sender.answered.values()].every((reply) => reply.startsWith('250'))).toBe(true)
    expect(copies(backend)).toEqual([expected, expected])
  })

  test('after the backend has said 250, before the client has read it: known-limits.md: “A message is delivered twice when something breaks exactly there:” “table under What can be delivered twice, and when”', async () => {
    const [reached, goOn] = [gate(), gate()]
    await using backend = await startFakeBackend({
      rules: [{ on: 'dot', nth: 1, hold: goOn.promise, reached: () => reached.resolve(undefined) }],
    })
    await using home = await Home.make()
    const sender = senderOf({ from: 's@x.test', to, text })
    const first = await home.serve({ backendUrl: backend.url })
    const attempt = sender.attempt(first.listeningPort)
    await reached.promise
    await standStill(first.pid)
    goOn.resolve(undefined)
    await until('the backend has said 250', () => backend.delivered.length === 1)
    await first.kill()
    await attempt
    expect(sender.answered.size).toBe(0)
    const second = await home.serve({ backendUrl: backend.url })
    await untilAnswered(sender, second.listeningPort)
    expect(copies(backend)).toEqual([2, 2])
  })

  test.each([
    ['in memory', 'spool: { memory: 1GiB, directory: spool }', 100_000],
    ['in a file', 'spool: { memory: 0, directory: spool }', 20_000],
    ['streamed to the backend', 'spool: { directory: spool }', 3_000_000],
  ])(
    'in the middle of a text that is %s: nothing is delivered; known-limits.md: “After kill -9 nothing is left in the directory, and you need not clean up anything.”',
    async (_, config, octets) => {
      await using backend = await startFakeBackend()
      await using home = await Home.make()
      const served = await home.serve({ backendUrl: backend.url, config })
      const client = await Client.connect(served.listeningPort)
      await client.reply()
      await client.ask('EHLO client.test')
      for (const line of ['MAIL FROM:<s@x.test>', 'RCPT TO:<a@example.org>', 'DATA'])
        await client.ask(line)
      const before = await readOctets(served)
      client.send(`Subject: half\r\n\r\n${'0123456789abcdef\r\n'.repeat(octets / 18)}`)
      if (octets > 1_000_000)
        await until('the backend has the beginning', () => backend.lines().includes('DATA'))
      else
        await until(
          'it has the first half',
          async () => (await readOctets(served)) >= before + octets,
        )
      await served.kill()
      expect(await client.line()).toBeUndefined()
      client.close()
      await until('the backend has noticed', () => backend.open() === 0)
      expect(backend.texts).toEqual([])
      expect(await readdir(join(home.directory, 'spool'))).toEqual([])
    },
  )
})

/** Octets the process has read, from all of its sockets and files (proc(5)). */
async function readOctets(served: Served): Promise<number> {
  const io = await readFile(`/proc/${served.pid}/io`, 'utf8')
  return Number(/^rchar: ([0-9]+)$/m.exec(io)?.[1])
}

describe('kill -9 in a split', () => {
  const recipients =
    '"tag@example.org": tag-only\n"careful@example.org": careful\n"strict@example.org": strict\n'
  const everyone = ['strict@example.org', 'careful@example.org', 'tag@example.org']
  const suspicious = `X-Spam-Score: 9.5\r\n${text}`

  test('after each attempt: everyone is answered, nobody has it twice, the refused one is refused alone', async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const sender = senderOf({ from: 's@x.test', to: everyone, text: suspicious })
    const seen: number[] = []
    for (let attempts = 0; sender.open().length > 0 && attempts < 10; attempts++) {
      const served = await home.serve({ backendUrl: backend.url, recipients })
      await sender.attempt(served.listeningPort)
      seen.push(sender.open().length)
      await served.kill()
    }
    expect(copies(backend, everyone)).toEqual([0, 1, 1])
    expect(sender.answered.get('strict@example.org')).toMatch(/^550 5\.7\.1 <strict@example\.org>/)
    expect(seen.at(-1)).toBe(0)
    expect(seen.length).toBeGreaterThan(2)
  })

  test.each([
    ['one reply for all', false],
    ['a reply for each (PRDR)', true],
  ])(
    'between two deliveries of one message, plain and tagged, to a sender that is given %s; known-limits.md: “Rcptwise writes such a message down before the first of them, and after each.”',
    async (_, prdr) => {
      const [reached, goOn] = [gate(), gate()]
      await using backend = await startFakeBackend({
        rules: [
          { on: 'DATA', nth: 2, hold: goOn.promise, reached: () => reached.resolve(undefined) },
        ],
      })
      await using home = await Home.make()
      const config = 'peers: [{ name: default, strategy: lenient }]'
      const sender = senderOf({
        from: 's@x.test',
        to: everyone,
        text: `X-Spam-Score: 5.5\r\n${text}`,
        prdr,
      })
      const first = await home.serve({ backendUrl: backend.url, recipients, config })
      const attempt = sender.attempt(first.listeningPort)
      await reached.promise
      await first.kill()
      goOn.resolve(undefined)
      await attempt
      expect(copies(backend, everyone).toSorted()).not.toEqual([0, 0, 0])
      const second = await home.serve({ backendUrl: backend.url, recipients, config })
      await untilAnswered(sender, second.listeningPort)
      expect(copies(backend, everyone)).toEqual([1, 1, 1])
    },
  )

  test('while RCPTs are being deferred: those who were told to come back do', async () => {
    const [reached, goOn] = [gate(), gate()]
    await using backend = await startFakeBackend({
      rules: [
        { on: 'DATA', nth: 1, hold: goOn.promise, reached: () => reached.resolve(undefined) },
      ],
    })
    await using home = await Home.make()
    const sender: Sender = senderOf({ from: 's@x.test', to: everyone, text })
    const first = await home.serve({ backendUrl: backend.url, recipients })
    const attempt = sender.attempt(first.listeningPort)
    await reached.promise
    await first.kill()
    goOn.resolve(undefined)
    await attempt
    const second = await home.serve({ backendUrl: backend.url, recipients })
    await untilAnswered(sender, second.listeningPort)
    expect(copies(backend, everyone)).toEqual([1, 1, 1])
  })
})
