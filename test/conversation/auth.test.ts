/**
 * AUTH passed through (`listen[].auth`): the backend asks and decides, and has a connection for
 * this client alone from then on.
 */
import { describe, expect, test } from 'vitest'
import { type TestApp } from '../support/app.ts'
import type { Client } from '../support/dialogue.ts'
import { type FakeBackend, type Rule, startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import { startTls, upgradeClient } from '../tls/secured-client.ts'
import { open, pipeline, start, untilEnd } from '../support/session.ts'

const other = (having: string, say: string): Rule => ({ on: 'other', having, say })
/** The user `user`, whose password is `pass`. */
const rules: readonly Rule[] = [
  other('AUTH PLAIN AHVzZXIAcGFzcw==', '235 2.7.0 Welcome'),
  other('AUTH PLAIN AHVzZXIAYmFk', '535 5.7.8 Wrong password'),
  other('AUTH LOGIN', '334 VXNlcm5hbWU6'),
  other('dXNlcg==', '334 UGFzc3dvcmQ6'),
  other('cGFzcw==', '235 2.7.0 Welcome'),
  other('YmFk', '535 5.7.8 Wrong password'),
  other('*', '501 5.7.0 Cancelled'),
]
const right = 'AUTH PLAIN AHVzZXIAcGFzcw=='
const wrong = 'AUTH PLAIN AHVzZXIAYmFk'
const offers = ['PIPELINING', '8BITMIME', 'AUTH PLAIN LOGIN EXTERNAL SCRAM-SHA-256-PLUS']
const recipients = '"tag@example.org": tag-only\n"strict@example.org": strict\n'
const policies =
  'policies: { careful: { reject_at: 15 }, tag-only: { tag_at: 6 }, strict: { reject_at: 8 } }\n'

interface Started extends AsyncDisposable {
  readonly app: TestApp
  readonly backend: FakeBackend
}

const begin = async (auth: string, ...further: readonly Rule[]): Promise<Started> =>
  await beginWith('{}', auth, further)

async function beginWith(
  pool: string,
  auth: string,
  further: readonly Rule[] = [],
): Promise<Started> {
  const backend = await startFakeBackend({ offers, rules: [...further, ...rules] })
  const config = [
    `listen: [{ address: "127.0.0.1:0", auth: ${auth} }]`,
    `backend: { servers: ["${backend.url}"], mail: at_once, pool: ${pool} }`,
    'relay_domains: [example.org]',
    'peers: [{ name: default, strategy: group }]',
    policies,
  ].join('\n')
  const app = await start({ config, recipients })
  return {
    app,
    backend,
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]()
      await backend.stop()
    },
  }
}

/** One message; the reply to its text. */
async function send(client: Client, ...to: readonly string[]): Promise<string> {
  expect(await client.ask('MAIL FROM:<user@example.org>')).toMatch(/^250/)
  for (const address of to) expect(await client.ask(`RCPT TO:<${address}>`)).toMatch(/^250/)
  expect(await client.ask('DATA')).toMatch(/^354/)
  return await client.ask('Subject: x\r\n\r\nx\r\n.')
}

describe('AUTH passed through', () => {
  test('limits.md: “Clients that have said AUTH (auth.md) have a connection of their own there as long as they stay:” PLAIN', async () => {
    await using started = await begin('pass_in_clear')
    const { app, backend } = started
    const client = await open(app.port)
    expect(await client.ask(right)).toBe('235 2.7.0 Welcome')
    expect(await send(client, 'friend@elsewhere.test')).toMatch(/^250/)
    const own = backend.connections.find(({ lines }) => lines.includes(right))
    expect(own?.lines.slice(-4)).toEqual([
      right,
      'MAIL FROM:<user@example.org>',
      'RCPT TO:<friend@elsewhere.test>',
      'DATA',
    ])

    const stranger = await open(app.port)
    expect(await send(stranger, 'tag@example.org')).toMatch(/^250/)
    expect(own?.lines.at(-1)).toBe('DATA')
    expect(
      await pipeline(stranger, 'MAIL FROM:<s@x.test>', 'RCPT TO:<friend@elsewhere.test>'),
    ).toEqual([expect.stringMatching(/^250/), expect.stringMatching(/^550 5\.7\.1 /)])
    stranger.close()

    expect(await send(client, 'friend@elsewhere.test')).toMatch(/^250/)
    expect(own?.lines.filter((line) => line === 'DATA')).toHaveLength(2)
    client.close()
    await until('the connection goes with its client', () => own?.ended === true)
  })

  test('LOGIN: the challenges of the backend, and a client that cancels', async () => {
    await using started = await begin('pass_in_clear')
    const client = await open(started.app.port)
    expect(await client.ask('AUTH LOGIN')).toBe('334 VXNlcm5hbWU6')
    expect(await client.ask('*')).toBe('501 5.7.0 Cancelled')
    expect(await client.ask('auth login')).toBe('334 VXNlcm5hbWU6')
    expect(await client.ask('dXNlcg==')).toBe('334 UGFzc3dvcmQ6')
    expect(await client.ask('cGFzcw==')).toBe('235 2.7.0 Welcome')
    expect(await client.ask(right)).toMatch(/^503 /)
    client.close()
  })

  test('what is no base64 does not reach the backend: the exchange is cancelled', async () => {
    await using started = await begin('pass_in_clear')
    const client = await open(started.app.port)
    await client.ask('AUTH LOGIN')
    expect(await client.ask('MAIL FROM:<s@x.test>')).toBe('501 5.7.0 Cancelled')
    expect(started.backend.lines().at(-1)).toBe('*')
    client.close()
  })

  test('a wrong password is refused in the words of the backend, and the third one ends the session', async () => {
    await using started = await begin('pass_in_clear')
    const client = await open(started.app.port)
    expect(await client.ask(wrong)).toBe('535 5.7.8 Wrong password')
    expect(await client.ask(wrong)).toBe('535 5.7.8 Wrong password')
    client.send(`${wrong}\r\n`)
    expect(await untilEnd(client)).toEqual([
      '535 5.7.8 Wrong password',
      expect.stringMatching(/^421 4\.7\.0 /),
    ])
    client.close()
  })

  test('who failed is a stranger: served as anyone, and the right password is taken afterwards', async () => {
    await using started = await begin('pass_in_clear')
    const { app } = started
    const client = await open(app.port)
    await client.ask(wrong)
    await client.ask('MAIL FROM:<s@x.test> AUTH=boss@example.org')
    expect(await client.ask('RCPT TO:<friend@elsewhere.test>')).toMatch(/^550 5\.7\.1 /)
    expect(started.backend.lines()).toContain('MAIL FROM:<s@x.test>')
    await client.ask('RSET')
    expect(await client.ask(right)).toMatch(/^235 /)
    await client.ask('MAIL FROM:<user@example.org> AUTH=boss@example.org')
    expect(await client.ask('RCPT TO:<friend@elsewhere.test>')).toMatch(/^250/)
    expect(started.backend.lines()).toContain('MAIL FROM:<user@example.org> AUTH=boss@example.org')
    client.close()
  })

  test('rules.md: “Rcptwise never splits mail of clients in trusted or with AUTH” One reply for all', async () => {
    await using started = await begin('pass_in_clear')
    const { app, backend } = started
    const client = await open(app.port)
    await client.ask(right)
    expect(await send(client, 'tag@example.org', 'strict@example.org')).toMatch(/^250/)
    expect(backend.delivered).toHaveLength(1)
    expect(app.transactions()).toMatchObject([{ unsplit: 'trusted', outcome: 'accepted' }])
    client.close()
  })

  test('a connection that is lost takes the authentication with it: 451, and no other connection is used', async () => {
    await using started = await begin('pass_in_clear')
    const { app, backend } = started
    const client = await open(app.port)
    await client.ask(right)
    const own = backend.connections.find(({ lines }) => lines.includes(right))
    own?.socket.end()
    await until('it is closed', () => own?.ended === true)
    expect(await client.ask('MAIL FROM:<user@example.org>')).toMatch(/^451 4\./)
    client.close()
  })

  test('a backend that goes away in the exchange: 454, for now', async () => {
    await using started = await begin('pass_in_clear', {
      on: 'other',
      having: 'AUTH PLAIN',
      silent: true,
      then: 'close',
    })
    const client = await open(started.app.port)
    expect(await client.ask(right)).toMatch(/^454 4\.7\.0 .*; retry=00:01:00$/)
    expect(await client.ask('NOOP')).toMatch(/^250/)
    client.close()
  })

  test('an answer that has no place in the exchange is no yes', async () => {
    await using started = await begin('pass_in_clear', other('AUTH PLAIN', '250 2.0.0 Ok'))
    const client = await open(started.app.port)
    expect(await client.ask(right)).toMatch(/^454 /)
    await client.ask('MAIL FROM:<s@x.test>')
    expect(await client.ask('RCPT TO:<friend@elsewhere.test>')).toMatch(/^550 /)
    client.close()
  })
})

describe('backend.pool.authenticated', () => {
  test('limits.md: “table 2 under Slow clients” 454 to one more, and mail of others goes on', async () => {
    await using started = await beginWith(
      '{ max_connections: 3, authenticated: 2 }',
      'pass_in_clear',
    )
    const { app, backend } = started
    const idle = [await open(app.port), await open(app.port)]
    for (const client of idle) expect(await client.ask(right)).toMatch(/^235 /)
    const third = await open(app.port)
    expect(await third.ask(right)).toMatch(
      /^454 4\.7\.0 Too many clients have authenticated.*; retry=00:01:00$/,
    )
    expect(await send(third, 'tag@example.org')).toMatch(/^250/)
    expect(backend.delivered).toHaveLength(1)
    expect(await app.metrics()).toMatch(
      /^rcptwise_limit_hits_total\{limit="authenticated_connections"\} 1$/m,
    )

    idle[0]?.close()
    await until('its connection is left', async () => (await third.ask(right)).startsWith('235'))
    expect(await send(third, 'friend@elsewhere.test')).toMatch(/^250/)
    for (const client of [...idle, third]) client.close()
  })

  test('a connection that the server has ended is nobody’s', async () => {
    await using started = await beginWith('{ max_connections: 2 }', 'pass_in_clear')
    const { app, backend } = started
    const [first, second] = [await open(app.port), await open(app.port)]
    expect(await first.ask(right)).toMatch(/^235 /)
    expect(await second.ask(right)).toMatch(/^454 /)
    const own = backend.connections.find(({ lines }) => lines.includes(right))
    own?.socket.end()
    await until('it is closed', () => own?.ended === true)
    expect(await second.ask(right)).toMatch(/^235 /)
    first.close()
    second.close()
  })
})

describe('AUTH is offered', () => {
  const offered = async (client: Client): Promise<string | undefined> =>
    (await client.ask('EHLO client.test')).split('\n').find((line) => /^250[ -]AUTH/.test(line))

  test('after TLS, without the mechanisms that are bound to a connection', async () => {
    await using started = await begin('pass')
    const { port } = started.app
    const plain = await open(port)
    expect(await offered(plain)).toBeUndefined()
    expect(await plain.ask(right)).toMatch(/^530 5\.7\.0 /)
    // not offered, and not believed
    expect(await plain.ask('MAIL FROM:<s@x.test> AUTH=<>')).toMatch(/^250 /)
    plain.close()
    const secured = await startTls(port)
    expect(await offered(secured)).toMatch(/^250[ -]AUTH PLAIN LOGIN$/)
    expect(await secured.ask('AUTH EXTERNAL =')).toMatch(/^504 /)
    expect(await secured.ask(right)).toBe('235 2.7.0 Welcome')
    secured.close()
  })

  test('nowhere unless the configuration says so', async () => {
    await using started = await begin('off')
    const client = await open(started.app.port)
    expect(await offered(client)).toBeUndefined()
    expect(await client.ask(right)).toMatch(/^502 /)
    client.close()
  })

  test('a server that does not do what it has offered is no refusal of the password: 454, and the operator is told', async () => {
    for (const said of [
      '503 5.5.1 Error: authentication not enabled',
      '538 5.7.11 Encryption required',
      '530 5.7.0 STARTTLS first',
    ]) {
      await using started = await begin('pass_in_clear', other(right, said))
      const client = await open(started.app.port)
      expect(await client.ask(right)).toMatch(/^454 4\.7\.0 /)
      client.close()
      expect(started.app.facts).toContainEqual(
        expect.objectContaining({ kind: 'backendRefusesUs', step: 'auth', reply: said }),
      )
    }
  })

  test('a server that wants a login says so to clients who may have one, and to others never', async () => {
    const wants: Rule = { on: 'MAIL', say: '530 5.7.0 Authentication required' }
    for (const [auth, reply] of [
      ['pass_in_clear', /^530 5\.7\.0 Authentication required/],
      ['off', /^451 4\.3\.5 /],
    ] as const) {
      await using started = await begin(auth, wants)
      const client = await open(started.app.port)
      expect(await client.ask('MAIL FROM:<s@x.test>')).toMatch(reply)
      client.close()
    }
  })

  test('before a transaction, and with nothing pipelined behind it', async () => {
    await using started = await begin('pass_in_clear')
    const client = await open(started.app.port)
    await client.ask('MAIL FROM:<s@x.test>')
    expect(await client.ask(right)).toMatch(/^503 /)
    await client.ask('RSET')
    expect(await client.ask('AUTH')).toMatch(/^501 /)
    client.send(`${right}\r\nNOOP\r\n`)
    expect(await untilEnd(client)).toEqual([expect.stringMatching(/^554 5\.5\.0 /)])
    expect(started.backend.lines()).not.toContain(right)
    client.close()
  })

  test('TLS begins the session anew: who had authenticated in clear is a stranger again', async () => {
    await using started = await begin('pass_in_clear')
    const { app, backend } = started
    const client = await open(app.port)
    await client.ask(right)
    const own = backend.connections.find(({ lines }) => lines.includes(right))
    await client.ask('STARTTLS')
    const secured = await upgradeClient(client)
    await secured.ask('EHLO client.test')
    await secured.ask('MAIL FROM:<s@x.test>')
    expect(await secured.ask('RCPT TO:<friend@elsewhere.test>')).toMatch(/^550 5\.7\.1 /)
    await until('the connection that it had is gone', () => own?.ended === true)
    secured.close()
  })
})
