/**
 *     sender (tries until it has an answer) ─▶ rcptwise ─▶ fake backend, ended at a step and started anew
 */
import { describe, expect, test } from 'vitest'
import { startTestApp } from '../support/app.ts'
import { type FakeBackend, type Rule, startFakeBackend } from '../support/fake-backend.ts'
import { freePort } from '../support/lab/ports.ts'
import { until } from '../support/lab/until.ts'
import { senderOf, untilAnswered } from './sender.ts'

const to = ['a@example.org', 'b@example.org']
const short = 'Subject: test\r\n\r\nhello\r\n'
const long = `Subject: long\r\n\r\n${'0123456789abcdef\r\n'.repeat(100_000)}`

const copies = (backends: readonly FakeBackend[]): number[] =>
  to.map((recipient) => {
    const all = backends
      .flatMap(({ delivered }) => delivered)
      .flatMap((transaction) => transaction.recipients)
    return all.filter((one) => one === `<${recipient}>`).length
  })

const never = new Promise<undefined>(() => undefined)

describe('known-limits.md: “the end of the mail server behind, at any moment: the sender gets 451;”', () => {
  test.each<[string, Rule, string, number]>([
    ['before its greeting', { on: 'connect', connection: 2 }, short, 1],
    ['at MAIL', { on: 'MAIL' }, short, 1],
    ['at RCPT', { on: 'RCPT', having: '<b@' }, short, 1],
    ['at DATA', { on: 'DATA' }, short, 1],
    ['in the middle of the text', { on: 'octets', octets: 50_000 }, long, 1],
    ['after the dot, without having taken it', { on: 'dot' }, short, 1],
    ['after the dot of a long text, without having taken it', { on: 'dot' }, long, 1],
    // It has the message, and nobody can know: the sender is told to come again, and it is there
    // twice.
    ['after the dot, having taken it', { on: 'dot', takenFirst: true }, short, 2],
  ])(
    '%s: nothing is lost; README.md: “After a crash, a full disk or the loss of the backend, the sender gets a 4xx or a closed connection, and still has the message.”',
    async (_, rule, text, expected) => {
      const reached = Promise.withResolvers<undefined>()
      await using first = await startFakeBackend({
        port: await freePort(),
        rules: [{ ...rule, hold: never, reached: () => reached.resolve(undefined) }],
      })
      await using app = await startTestApp({
        config: `backend: { servers: ["${first.url}"] }\nrelay_domains: [example.org]`,
      })
      // The connection over which the backend was looked for at the start is not the one that is
      // meant.
      if (rule.on === 'connect') for (const { socket } of first.connections) socket.destroy()
      const sender = senderOf({ from: 's@x.test', to, text })
      const attempt = sender.attempt(app.port)
      await reached.promise
      await first.stop()
      await attempt
      expect(sender.answered.size).toBe(0)
      await using second = await startFakeBackend({ port: first.port })
      await untilAnswered(sender, app.port)
      expect([...sender.answered.values()].every((reply) => reply.startsWith('250'))).toBe(true)
      expect(copies([first, second])).toEqual([expected, expected])
      await until('nothing is left open', async () =>
        (await app.metrics()).includes(
          `rcptwise_backend_connections_open{server="${first.url}",state="busy"} 0`,
        ),
      )
    },
  )
})

describe('a message that goes to the backend in two deliveries, plain and tagged', () => {
  test.each<[string, Rule]>([
    ['is delayed', { on: 'dot', nth: 2, say: '451 4.3.0 not now' }],
    ['is lost', { on: 'dot', nth: 2, silent: true, then: 'reset' }],
    ['finds no backend', { on: 'MAIL', nth: 3, silent: true, then: 'reset' }],
  ])('the second one %s: those who have it do not get it again', async (_, rule) => {
    await using backend = await startFakeBackend({ rules: [rule] })
    await using app = await startTestApp({
      config: `backend: { servers: ["${backend.url}"] }
relay_domains: [example.org]
peers: [{ name: default, strategy: lenient }]`,
      recipients: '"a@example.org": strict\n"b@example.org": tag-only\n',
    })
    const sender = senderOf({ from: 's@x.test', to, text: `X-Spam-Score: 5.5\r\n${short}` })
    await sender.attempt(app.port)
    expect(sender.answered.size).toBe(0)
    expect([...copies([backend])].sort()).toEqual([0, 1])
    await untilAnswered(sender, app.port)
    expect(copies([backend])).toEqual([1, 1])
  })
})
