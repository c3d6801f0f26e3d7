/**
 * AUTH passed through to servers that really ask and decide (docs/auth.md).
 *
 *   swaks, and a client of ours ─▶ Rcptwise ─▶ Postfix, with Dovecot for SASL ─▶ a server elsewhere
 *                                          └─▶ Exim, with its own authenticators ─▶ the same
 *
 * All of a server's tests share its connections: what one client leaves behind, the next one could
 * get.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../../support/fake-backend.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { type FrontEnd, startFrontEnd } from '../../support/lab/front-end.ts'
import type { Ran } from '../../support/lab/run.ts'
import { openSwaks, type Swaks } from '../../support/lab/swaks.ts'
import { until } from '../../support/lab/until.ts'
import { type SecuredClient, startTls } from '../../tls/secured-client.ts'
import {
  type AuthServer,
  type AuthServerOptions,
  eximAlone,
  postfixWithDovecot,
} from './mail-servers.ts'

const passwords = { alice: 'open sesame', bob: 'swordfish' }
const recipients = {
  'strict@client.test': 'strict',
  'tag@client.test': 'tag-only',
  'careful@client.test': 'careful',
}
const everyone = Object.keys(recipients)
const friend = 'friend@elsewhere.test'
const mechanisms = ['PLAIN', 'LOGIN', 'CRAM-MD5'] as const

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const plain = base64('\0alice\0open sesame')

const settings = {
  listen: [{ address: '127.0.0.1:0', auth: 'pass' }],
  // So that it is the server who refuses to relay, and not Rcptwise (rule 8).
  relay_domains: ['client.test', 'elsewhere.test'],
}

const servers: readonly [
  string,
  (options: AuthServerOptions) => Promise<AuthServer>,
  'xclient' | 'none',
][] = [
  ['Postfix with Dovecot', postfixWithDovecot, 'xclient'],
  ['Exim', eximAlone, 'none'],
]

describe.skipIf(interopObstacle() !== undefined).each(servers)(
  'AUTH, decided by %s',
  (_name, start, clientAddress) => {
    let outside: FakeBackend
    let server: AuthServer
    let rcptwise: FrontEnd
    let swaks: Swaks

    beforeAll(async () => {
      outside = await startFakeBackend()
      server = await start({
        mailboxes: [...everyone, 'alice@client.test'],
        passwords,
        outside: outside.port,
      })
      const backend = {
        servers: [`smtp://127.0.0.1:${server.port}`],
        client_address: clientAddress,
      }
      const config = { ...settings, backend }
      rcptwise = await startFrontEnd({
        backend: server.port,
        recipients,
        peer: { strategy: 'single' },
        config,
      })
      swaks = await openSwaks()
    })
    afterAll(async () => {
      await swaks[Symbol.asyncDispose]()
      await rcptwise[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      await outside.stop()
    })

    interface Sent extends Ran {
      /** The server's queue id; empty when it took nothing. */
      readonly id: string
    }

    async function send(to: readonly string[], ...args: readonly string[]): Promise<Sent> {
      const basics = [
        '--server',
        `127.0.0.1:${rcptwise.port}`,
        '--helo',
        'swaks.test',
        '--from',
        'alice@client.test',
      ]
      const ran = await swaks.run([...basics, '--to', to.join(','), ...args])
      return { ...ran, id: queueId(ran.transcript) }
    }

    const as = (
      user: keyof typeof passwords,
      mechanism: string,
      password: string = passwords[user],
    ): string[] => [
      '--tls',
      ...['--auth', mechanism, '--auth-user', user, '--auth-password', password],
    ]

    /** A client that has TLS and said EHLO, and how it sends. */
    async function open(): Promise<SecuredClient> {
      const client = await startTls(rcptwise.port)
      expect(await client.ask('EHLO client.test')).toMatch(/^250[ -]AUTH PLAIN LOGIN CRAM-MD5\r?$/m)
      return client
    }

    async function say(client: Client, to: string): Promise<string> {
      expect(await client.ask('MAIL FROM:<alice@client.test>')).toMatch(/^250 /)
      expect(await client.ask(`RCPT TO:<${to}>`)).toMatch(/^250 /)
      expect(await client.ask('DATA')).toMatch(/^354 /)
      return queueId(await client.ask('Subject: x\r\n\r\nx\r\n.'))
    }

    test.each(mechanisms)(
      '%s: the server takes the password, and mail to elsewhere',
      async (mechanism) => {
        const before = outside.delivered.length
        const sent = await send([friend], ...as('alice', mechanism))
        expect(sent.transcript).toMatch(/^<~ {2}235 /m)
        expect(sent.code).toBe(0)
        expect(await server.author(sent.id)).toEqual({ mechanism, user: 'alice' })
        await until('it is there', () => outside.delivered.length > before, { explain: server.log })
        expect(outside.delivered.at(-1)?.recipients.map((to) => to.split(' ')[0])).toEqual([
          `<${friend}>`,
        ])
        expect(rcptwise.transactions().at(-1)).toMatchObject({
          unsplit: 'trusted',
          outcome: 'accepted',
        })
      },
    )

    test('the server sees the client where it is told', async () => {
      const from = '127.0.0.9'
      const sent = await send([friend], ...as('bob', 'PLAIN'), '--local-interface', from)
      expect(await server.author(sent.id)).toEqual({ mechanism: 'PLAIN', user: 'bob' })
      expect(await server.client(sent.id)).toBe(clientAddress === 'xclient' ? from : '127.0.0.1')
    })

    test.each(mechanisms)(
      '%s with a wrong password: refused in the words of the server',
      async (mechanism) => {
        const sent = await send([friend], ...as('alice', mechanism, 'wrong'))
        expect(sent.transcript).toContain(`\n<~* ${server.says.wrong}`)
        expect(sent.transcript).not.toMatch(/^ ~> MAIL/m)
        expect(sent.code).toBe(28)
      },
    )

    test('without TLS it is not offered, nor taken', async () => {
      const client = await Client.connect(rcptwise.port)
      await client.reply()
      expect(await client.ask('EHLO client.test')).not.toMatch(/AUTH/)
      expect(await client.ask(`AUTH PLAIN ${plain}`)).toMatch(/^530 5\.7\.0 /)
      client.close()
    })

    test.each([
      ['PLAIN with the initial response', [`AUTH PLAIN ${plain}`], 'PLAIN'],
      ['PLAIN without it', ['AUTH PLAIN', plain], 'PLAIN'],
      ['LOGIN with it', [`AUTH LOGIN ${base64('alice')}`, base64('open sesame')], 'LOGIN'],
      ['LOGIN without it', ['AUTH LOGIN', base64('alice'), base64('open sesame')], 'LOGIN'],
    ] as const)('%s', async (_case, lines, mechanism) => {
      const client = await open()
      for (const line of lines.slice(0, -1)) expect(await client.ask(line)).toMatch(/^334 /)
      expect(await client.ask(lines.at(-1) ?? '')).toMatch(/^235 /)
      expect(await server.author(await say(client, friend))).toEqual({ mechanism, user: 'alice' })
      client.close()
    })

    test.each([
      ['PLAIN', []],
      ['LOGIN', [base64('alice')]],
      ['CRAM-MD5', []],
    ] as const)(
      '%s cancelled with `*`: a stranger still, who may begin anew',
      async (mechanism, answers) => {
        const client = await open()
        expect(await client.ask(`AUTH ${mechanism}`)).toMatch(/^334 /)
        for (const answer of answers) expect(await client.ask(answer)).toMatch(/^334 /)
        expect(await client.ask('*')).toContain(server.says.cancelled)
        await client.ask('MAIL FROM:<alice@client.test>')
        expect(await client.ask(`RCPT TO:<${friend}>`)).toContain(server.says.noRelay)
        await client.ask('RSET')
        expect(await client.ask(`AUTH PLAIN ${plain}`)).toMatch(/^235 /)
        expect(await server.author(await say(client, friend))).toEqual({
          mechanism: 'PLAIN',
          user: 'alice',
        })
        client.close()
      },
    )

    test('without AUTH the server refuses to relay, and takes what is its own', async () => {
      const refused = await send([friend], '--tls')
      expect(refused.transcript).toContain(`\n<~* ${server.says.noRelay}`)
      expect(refused.code).toBe(24)
      const taken = await send(['tag@client.test'], '--tls')
      expect(taken.code).toBe(0)
      expect(await server.author(taken.id)).toBeUndefined()
    })

    test('clients one after the other: none gets the connection of one who has authenticated', async () => {
      const authors: (string | undefined)[] = []
      for (const user of [undefined, 'alice', undefined, 'bob', 'alice', undefined] as const) {
        const { id } = await send(
          ['tag@client.test'],
          ...(user === undefined ? [] : as(user, 'PLAIN')),
        )
        authors.push((await server.author(id))?.user)
        const stranger = await open()
        await stranger.ask('MAIL FROM:<alice@client.test>')
        expect(await stranger.ask(`RCPT TO:<${friend}>`)).toContain(server.says.noRelay)
        stranger.close()
      }
      expect(authors).toEqual([undefined, 'alice', undefined, 'bob', 'alice', undefined])
    })

    test('clients at the same time: each is who it is, for as long as it stays', async () => {
      const [alice, stranger, bob] = [await open(), await open(), await open()]
      expect(await alice.ask(`AUTH PLAIN ${plain}`)).toMatch(/^235 /)
      expect(await bob.ask(`AUTH PLAIN ${base64('\0bob\0swordfish')}`)).toMatch(/^235 /)
      for (let round = 0; round < 2; round++) {
        expect((await server.author(await say(alice, friend)))?.user).toBe('alice')
        expect(await server.author(await say(stranger, 'tag@client.test'))).toBeUndefined()
        expect((await server.author(await say(bob, friend)))?.user).toBe('bob')
      }
      await stranger.ask('MAIL FROM:<alice@client.test>')
      expect(await stranger.ask(`RCPT TO:<${friend}>`)).toContain(server.says.noRelay)
      for (const client of [alice, stranger, bob]) client.close()
    })

    test('never split: one transaction, as it is; the same from a stranger is split', async () => {
      const sent = await send(everyone, ...as('bob', 'LOGIN'), '--header', 'Subject: whole')
      expect(sent.transcript).not.toMatch(/^<~\* /m)
      expect(sent.code).toBe(0)
      expect(await server.author(sent.id)).toEqual({ mechanism: 'LOGIN', user: 'bob' })
      const [fact] = rcptwise.transactions().slice(-1)
      expect(fact).toMatchObject({ unsplit: 'trusted', outcome: 'accepted', mode: 'plain' })
      expect(fact?.deliveries.map((delivery) => delivery.recipients)).toEqual([everyone.length])
      for (const address of everyone) {
        const copies = async (): Promise<number> =>
          (await server.mailbox(address)).filter((message) => message.includes('Subject: whole\n'))
            .length
        expect(
          await until('it is there', async () => (await copies()) || undefined, {
            explain: server.log,
          }),
        ).toBe(1)
      }

      const split = await send(everyone)
      expect(split.transcript.match(/^<\*\* 451 4\.5\.3 /gm)).toHaveLength(everyone.length - 1)
    })
  },
)

/** In `250 2.0.0 Ok: queued as ID` (Postfix) and `250 OK id=ID` (Exim). */
const queueId = (transcript: string): string =>
  /250 .*(?:queued as |id=)(\S+)/.exec(transcript)?.[1] ?? ''

test.skipIf(interopObstacle() !== undefined)(
  'a server that offers AUTH after TLS alone, and a way to it without TLS: not offered to anyone',
  async () => {
    await using server = await eximAlone({ mailboxes: everyone, passwords, outside: 1 })
    const backend = { servers: [`smtp://127.0.0.1:${server.port}`], tls: 'off' }
    await using rcptwise = await startFrontEnd({
      backend: server.port,
      config: { ...settings, backend },
    })
    const client = await startTls(rcptwise.port)
    expect(await client.ask('EHLO client.test')).not.toMatch(/AUTH/)
    expect(await client.ask(`AUTH PLAIN ${plain}`)).toMatch(/^504 /)
    client.close()
  },
)
