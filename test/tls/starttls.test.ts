/**
 * TLS towards clients as they see it: STARTTLS (RFC 3207), listeners that begin with TLS (RFC 8314
 * 3.3), and none.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as secureConnect } from 'node:tls'
import { describe, expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { makeSelfSigned } from '../../src/tls/self-signed.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client, play } from '../support/dialogue.ts'
import { until } from '../support/lab/until.ts'
import { connectSecured, startTls, upgradeClient } from './secured-client.ts'

type FactOf<Kind extends Fact['kind']> = Fact & { readonly kind: Kind }

async function fact<Kind extends Fact['kind']>(app: TestApp, kind: Kind): Promise<FactOf<Kind>> {
  const find = (): FactOf<Kind> | undefined =>
    app.facts.find((each): each is FactOf<Kind> => each.kind === kind)
  await until(`a fact ${kind}`, () => find() !== undefined)
  const found = find()
  if (found === undefined) throw new Error(`no fact ${kind}`)
  return found
}

describe('STARTTLS', () => {
  test('RFC 3207 4.2: EHLO and the transaction are forgotten, STARTTLS is not offered again', async () => {
    await using app = await startTestApp()
    const clear = await Client.connect(app.port)
    await clear.reply()
    expect(await clear.ask('EHLO before.test')).toContain('250-STARTTLS')
    await clear.ask('MAIL FROM:<s@example.net>')
    expect(await clear.ask('STARTTLS')).toMatch(/^220 /)
    const client = await upgradeClient(clear)
    expect(await client.ask('MAIL FROM:<s@example.net>')).toBe('503 5.5.1 Say EHLO or HELO first')
    expect(await client.ask('EHLO after.test')).not.toContain('STARTTLS')
    expect(await client.ask('STARTTLS')).toBe('503 5.5.1 TLS is active already')
    expect(await client.ask('RCPT TO:<a@example.org>')).toMatch(/^503 /)
    expect(await client.ask('QUIT')).toMatch(/^221 /)
    client.close()
    expect(await fact(app, 'sessionClosed')).toMatchObject({
      tls: true,
      helo: 'after.test',
      why: 'quit',
    })
    expect(await app.metrics()).toContain('rcptwise_tls_handshakes_total{protocol="TLSv1.3"} 1')
  })

  test.each([
    'MAIL FROM:<evil@example.net>\r\n',
    'EHLO evil.test\r\nMAIL FROM:<evil@example.net>\r\n',
    'NO',
  ])(
    'CVE-2011-0411: %j behind it in the same segment is answered with 554, and nothing of it is heard',
    async (behind) => {
      await using app = await startTestApp()
      const client = await Client.connect(app.port)
      await client.reply()
      await client.ask('EHLO client.test')
      client.send(`STARTTLS\r\n${behind}`)
      expect(await client.reply()).toEqual([
        '554 5.5.0 Commands came before they were allowed (RFC 2920 3.1); closing',
      ])
      expect(await client.line()).toBeUndefined()
      client.close()
      expect(app.transactions()).toEqual([])
    },
  )

  test('what comes in clear after the 220 is no command but a broken handshake', async () => {
    await using app = await startTestApp()
    const client = await Client.connect(app.port)
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask('STARTTLS')
    client.send('EHLO evil.test\r\n')
    expect(await client.line()).toBeUndefined()
    expect(await fact(app, 'tlsFailed')).toMatchObject({ reason: 'junk', address: '127.0.0.1' })
    expect(await fact(app, 'sessionClosed')).toMatchObject({
      why: 'tls',
      tls: false,
      helo: 'client.test',
    })
    const metrics = await app.metrics()
    expect(metrics).toContain('rcptwise_tls_failures_total{reason="junk"} 1')
    expect(metrics).toContain('rcptwise_session_ends_total{why="tls"} 1')
    client.close()
  })

  test('a handshake that takes too long ends', async () => {
    await using app = await startTestApp({ config: 'timeouts: { tls_handshake: 100ms }' })
    const client = await Client.connect(app.port)
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask('STARTTLS')
    expect(await client.line()).toBeUndefined()
    expect(await fact(app, 'tlsFailed')).toMatchObject({
      reason: 'time',
      why: 'no handshake within 100 ms',
    })
  })

  test('TLS 1.3 alone, where the configuration wants that', async () => {
    await using app = await startTestApp({ config: 'tls: { minimum_version: TLSv1.3 }' })
    await expect(startTls(app.port, { maxVersion: 'TLSv1.2' })).rejects.toThrow(
      /alert protocol version/,
    )
    expect(await fact(app, 'tlsFailed')).toMatchObject({ reason: 'protocol' })
    const client = await startTls(app.port)
    expect(client.socket.getProtocol()).toBe('TLSv1.3')
    client.close()
  })

  test('the configured ciphers, in the server’s order', async () => {
    const [weak, strong] = ['ECDHE-RSA-AES128-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384']
    const client = async (app: TestApp, ciphers: string): Promise<string> => {
      const secured = await startTls(app.port, { maxVersion: 'TLSv1.2', ciphers })
      const { name } = secured.socket.getCipher()
      secured.close()
      return name
    }
    await using wide = await startTestApp({ config: `tls: { ciphers: "${strong}:${weak}" }` })
    expect(await client(wide, `${weak}:${strong}`)).toBe(strong)
    expect(await client(wide, weak)).toBe(weak)
    await using usual = await startTestApp()
    expect(await client(usual, `${weak}:${strong}`)).toBe(strong)
    await expect(client(usual, weak)).rejects.toThrow(/handshake failure/)
    expect(await fact(usual, 'tlsFailed')).toMatchObject({ reason: 'cipher' })
  })

  test('RFC 8446 has no renegotiation, and TLS 1.2 gets none', async () => {
    await using app = await startTestApp()
    const client = await startTls(app.port, { maxVersion: 'TLSv1.2' })
    const refused = once(client.socket, 'error') as Promise<[NodeJS.ErrnoException]>
    client.socket.renegotiate({}, () => undefined)
    expect((await refused)[0].code).toBe('ERR_SSL_NO_RENEGOTIATION')
    client.close()
  })
})

describe('tls: implicit', () => {
  const listen = 'listen: [{ address: "127.0.0.1:0", tls: implicit }]'

  test('the greeting comes in TLS, and mail is taken', async () => {
    await using app = await startTestApp({ config: listen })
    const client = await connectSecured(app.port)
    expect(await client.reply()).toEqual(['220 mx.test ESMTP Rcptwise'])
    expect(await client.ask('EHLO client.test')).not.toContain('STARTTLS')
    expect(await client.ask('STARTTLS')).toBe('503 5.5.1 TLS is active already')
    await client.ask('MAIL FROM:<s@example.net>')
    await client.ask('RCPT TO:<a@example.org>')
    await client.ask('DATA')
    expect(await client.ask('Subject: hello\r\n\r\nhello\r\n.')).toMatch(/^250 /)
    expect(await client.ask('QUIT')).toMatch(/^221 /)
    expect(await client.line()).toBeUndefined()
    expect((await app.mail('a@example.org'))[0]).toContain('with ESMTPS id ')
    expect(app.facts.map(({ kind }) => kind).filter((kind) => kind.startsWith('session'))).toEqual([
      'sessionOpened',
      'sessionSecured',
      'sessionClosed',
    ])
    expect(app.transactions()).toMatchObject([{ client: { tls: true } }])
  })

  test('a client that speaks SMTP in clear gets nothing, and the place is free again', async () => {
    await using app = await startTestApp({ config: `${listen}\nlimits: { sessions: 1 }` })
    const clear = await Client.connect(app.port)
    clear.send('EHLO client.test\r\n')
    expect(await clear.line()).toBeUndefined()
    expect(await fact(app, 'tlsFailed')).toMatchObject({ reason: 'junk', address: '127.0.0.1' })
    clear.close()
    const client = await connectSecured(app.port)
    expect(await client.reply()).toEqual(['220 mx.test ESMTP Rcptwise'])
    client.close()
  })

  test('a client that says nothing is ended', async () => {
    await using app = await startTestApp({
      config: `${listen}\ntimeouts: { tls_handshake: 100ms }`,
    })
    const socket = connect(app.port, '127.0.0.1')
    await once(socket, 'close')
    expect(await fact(app, 'tlsFailed')).toMatchObject({ reason: 'time' })
  })

  test('an early talker is one who speaks in TLS before the delayed greeting', async () => {
    await using app = await startTestApp({ config: `${listen}\ngreet_delay: 1500ms` })
    const client = await connectSecured(app.port)
    client.send('EHLO client.test\r\n')
    expect(await client.reply()).toEqual(['554 5.5.0 You spoke before the greeting; closing'])
    const patient = await connectSecured(app.port)
    expect(await patient.reply()).toEqual(['220 mx.test ESMTP Rcptwise'])
    patient.close()
  })

  test('behind a PROXY header, also when both come in one segment', async () => {
    const config =
      'listen: [{ address: "127.0.0.1:0", tls: implicit, proxy_protocol_from: [127.0.0.0/8] }]'
    await using app = await startTestApp({ config })
    const plain = connect(app.port, '127.0.0.1')
    await once(plain, 'connect')
    let header = 'PROXY TCP4 192.0.2.9 192.0.2.1 4711 465\r\n'
    const wire = new Duplex({
      read: () => undefined,
      write: (octets: Buffer, _, done) => {
        plain.write(Buffer.concat([Buffer.from(header), octets]), done)
        header = ''
      },
    })
    plain.on('data', (octets) => wire.push(octets)).on('close', () => wire.push(null))
    const client = new Client(secureConnect({ socket: wire, rejectUnauthorized: false }))
    expect(await client.reply()).toEqual(['220 mx.test ESMTP Rcptwise'])
    expect(await fact(app, 'sessionOpened')).toMatchObject({ address: '192.0.2.9' })
    client.close()
    plain.destroy()
  })

  test('stopping does not wait for handshakes', async () => {
    const app = await startTestApp({ config: listen })
    const socket = connect(app.port, '127.0.0.1')
    await once(socket, 'connect')
    const closed = once(socket, 'close')
    await app[Symbol.asyncDispose]()
    await closed
  })
})

test('tls: off offers no STARTTLS, knows none, and needs no certificate', async () => {
  await using app = await startTestApp({ config: 'listen: [{ address: "127.0.0.1:0", tls: off }]' })
  const client = await Client.connect(app.port)
  await client.reply()
  expect(await client.ask('EHLO client.test')).not.toContain('STARTTLS')
  expect(await client.ask('STARTTLS')).toMatch(/^502 /)
  client.close()
  expect(app.facts.filter(({ kind }) => kind === 'certificateLoaded')).toEqual([])
})

test('each listener has its own way', async () => {
  const listen = ['starttls', 'implicit', 'off'].map(
    (tls) => `  - { address: "127.0.0.1:0", tls: ${tls} }`,
  )
  await using app = await startTestApp({ config: `listen:\n${listen.join('\n')}` })
  const [starttls = 0, implicit = 0, off = 0] = app.app.addresses.map(({ port }) => port)
  ;(await startTls(starttls)).close()
  const client = await connectSecured(implicit)
  expect(await client.reply()).toHaveLength(1)
  client.close()
  await play(off, 'S: 220 *\nC: STARTTLS\nS: 502 *')
})

describe('client certificates', () => {
  test.each([true, false])('request_client_certificate: %j', async (asked) => {
    await using app = await startTestApp({
      config: `tls: { request_client_certificate: ${asked} }`,
    })
    const shown = await makeSelfSigned('client.test', Date.now())
    const client = await startTls(app.port, shown)
    const fingerprint = (client.socket.getCertificate() as { fingerprint256: string })
      .fingerprint256
    expect(await client.ask('EHLO client.test')).toContain('250 ')
    const seen = (await fact(app, 'sessionSecured')).certificate
    expect(seen).toEqual(
      asked
        ? {
            subject: 'CN=client.test',
            issuer: 'CN=client.test',
            fingerprint: fingerprint.replaceAll(':', '').toLowerCase(),
            verified: expect.stringMatching(/^[A-Z_]+$/) as string,
          }
        : undefined,
    )
    client.close()
  })

  test('none is required', async () => {
    await using app = await startTestApp({ config: 'tls: { request_client_certificate: true }' })
    const client = await startTls(app.port)
    expect(await client.ask('EHLO client.test')).toContain('250 ')
    expect(await fact(app, 'sessionSecured')).not.toHaveProperty('certificate')
    client.close()
  })

  test('a session is resumed with its certificate', async () => {
    await using app = await startTestApp({ config: 'tls: { request_client_certificate: true }' })
    const shown = await makeSelfSigned('client.test', Date.now())
    const first = await startTls(app.port, { ...shown, maxVersion: 'TLSv1.2' })
    const session = first.socket.getSession()
    first.close()
    const second = await startTls(app.port, {
      ...shown,
      maxVersion: 'TLSv1.2',
      ...(session && { session }),
    })
    expect(second.socket.isSessionReused()).toBe(true)
    await second.ask('NOOP')
    second.close()
    const secured = app.facts.filter((each) => each.kind === 'sessionSecured')
    expect(secured.map(({ certificate }) => certificate?.subject)).toEqual([
      'CN=client.test',
      'CN=client.test',
    ])
  })
})
