/**
 * REQUIRETLS (RFC 8689) through the whole product: when it is offered, that it goes on, and that it
 * is never given up in silence.
 */
import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Issued } from '../../src/tls/issue.ts'
import { makeSelfSigned } from '../../src/tls/self-signed.ts'
import { Client } from '../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../support/fake-backend.ts'
import { startTxtServer } from '../support/txt-server.ts'
import { connectSecured, startTls } from '../tls/secured-client.ts'
import { start } from '../support/session.ts'

const offers = ['PIPELINING', 'SIZE', '8BITMIME', 'DSN', 'REQUIRETLS']
let certificate: Issued
let verified: string
beforeAll(async () => {
  certificate = await makeSelfSigned('mail.backend.test', Date.now())
  const fingerprint = new X509Certificate(certificate.cert).fingerprint256
  verified = `tls: { mode: require, fingerprint: "${fingerprint}" }`
})
const clients: Client[] = []
afterAll(() => {
  for (const client of clients) client.close()
})

const behindTls = (servers: readonly FakeBackend[], tls: string): string =>
  `backend: { servers: ${JSON.stringify(servers.map(({ url }) => url))}, mail: at_once, ${tls} }\nrelay_domains: [example.org]\n`

/** After STARTTLS, with what EHLO says then. */
async function secured(port: number): Promise<{ readonly client: Client; readonly ehlo: string }> {
  const client = await startTls(port)
  clients.push(client)
  return { client, ehlo: await client.ask('EHLO client.test') }
}

async function sends(client: Client, mail: string): Promise<string[]> {
  const said = [
    await client.ask(mail),
    await client.ask('RCPT TO:<a@example.org>'),
    await client.ask('DATA'),
  ]
  return [...said, await client.ask('Subject: x\r\n\r\nhello\r\n.')].map((line) => line.slice(0, 3))
}

const offered = (ehlo: string): boolean => /^250[- ]REQUIRETLS$/m.test(ehlo)
const mails = (backend: FakeBackend): string[] =>
  backend.lines().filter((line) => line.startsWith('MAIL'))

describe('offered', () => {
  test('over STARTTLS and implicit TLS, not in clear; and it goes on', async () => {
    await using backend = await startFakeBackend({ offers, certificate })
    const listen =
      'listen: [{ address: "127.0.0.1:0" }, { address: "127.0.0.1:0", tls: implicit }]\n'
    await using app = await start({ config: listen + behindTls([backend], verified) })
    const clear = await Client.connect(app.port)
    clients.push(clear)
    await clear.reply()
    expect(offered(await clear.ask('EHLO client.test'))).toBe(false)
    expect(await clear.ask('MAIL FROM:<s@example.net> REQUIRETLS')).toMatch(
      /^555 5\.5\.4 REQUIRETLS was not offered here$/,
    )
    const { client, ehlo } = await secured(app.port)
    expect(offered(ehlo)).toBe(true)
    expect(await client.ask('MAIL FROM:<s@example.net> REQUIRETLS=1')).toMatch(/^501 5\.5\.4 /)
    expect(await sends(client, 'MAIL FROM:<s@example.net> REQUIRETLS')).toEqual([
      '250',
      '250',
      '354',
      '250',
    ])
    const implicit = await connectSecured(app.app.addresses[1]?.port ?? 0)
    clients.push(implicit)
    await implicit.reply()
    expect(offered(await implicit.ask('EHLO client.test'))).toBe(true)
    expect(mails(backend)).toEqual(['MAIL FROM:<s@example.net> REQUIRETLS'])
  })

  test.each<[string, string, readonly (readonly string[])[]]>([
    ['the server is not verified', 'tls: opportunistic', [offers]],
    ['the server does not offer it', 'verified', [offers.slice(0, -1)]],
    ['one of two servers does not offer it', 'verified', [offers, offers.slice(0, -1)]],
  ])(
    'not where %s: known-limits.md: “REQUIRETLS needs backend.tls: require and a server that offers it (tls.md).”',
    async (_name, tls, servers) => {
      await using parts = new AsyncDisposableStack()
      const backends: FakeBackend[] = []
      for (const one of servers)
        backends.push(parts.use(await startFakeBackend({ offers: one, certificate })))
      const app = parts.use(
        await start({ config: behindTls(backends, tls === 'verified' ? verified : tls) }),
      )
      const { client, ehlo } = await secured(app.port)
      expect(offered(ehlo)).toBe(false)
      expect(await client.ask('MAIL FROM:<s@example.net> REQUIRETLS')).toMatch(/^555 5\.5\.4 /)
      expect(backends.flatMap(mails)).toEqual([])
    },
  )

  test('not where the server is reached in clear, whatever it offers', async () => {
    await using backend = await startFakeBackend({ offers })
    await using app = await start({ config: behindTls([backend], 'tls: off') })
    expect(offered((await secured(app.port)).ehlo)).toBe(false)
  })

  test('not to a proxy that speaks for its client', async () => {
    await using backend = await startFakeBackend({ offers, certificate })
    const listen = 'listen: [{ address: "127.0.0.1:0", xclient_from: ["127.0.0.0/8"] }]\n'
    await using app = await start({ config: listen + behindTls([backend], verified) })
    const { client } = await secured(app.port)
    expect(await client.ask('XCLIENT ADDR=192.0.2.7 NAME=client.test')).toMatch(/^220 /)
    expect(offered(await client.ask('EHLO client.test'))).toBe(false)
  })

  test('by the sink, which sends nothing on', async () => {
    await using app = await start()
    const { client, ehlo } = await secured(app.port)
    expect(offered(ehlo)).toBe(true)
    expect(await sends(client, 'MAIL FROM:<s@example.net> REQUIRETLS')).toEqual([
      '250',
      '250',
      '354',
      '250',
    ])
  })
})

describe('what was offered and can not be kept any more', () => {
  /** The server has restarted with less: its old connections end, and new ones do not offer it. */
  async function thenWithout(
    mail: string,
  ): Promise<{ readonly said: string; readonly shown: string[] }> {
    await using backend = await startFakeBackend({ offers, certificate })
    await using app = await start({ config: behindTls([backend], verified) })
    const { client, ehlo } = await secured(app.port)
    expect(offered(ehlo)).toBe(true)
    backend.rule({ on: 'EHLO', say: ['250-backend.test', '250 PIPELINING'] })
    for (const { socket } of backend.connections) socket.destroy()
    const said = await client.ask(mail)
    return { said, shown: mails(backend) }
  }

  test('is refused with 550 5.7.30, and nothing is shown to the server', async () => {
    const { said, shown } = await thenWithout('MAIL FROM:<s@example.net> REQUIRETLS')
    expect(said).toBe('550 5.7.30 The mail server behind this one does not keep REQUIRETLS')
    expect(shown).toEqual([])
  })

  test('a report from the null sender may come again (RFC 8689 5)', async () => {
    const { said, shown } = await thenWithout('MAIL FROM:<> REQUIRETLS')
    expect(said).toMatch(/^451 4\.3\.3 No mail server that knows REQUIRETLS can be reached; /)
    expect(shown).toEqual([])
  })

  test('without REQUIRETLS the message goes its way', async () => {
    const { said } = await thenWithout('MAIL FROM:<s@example.net>')
    expect(said).toMatch(/^250 /)
  })
})

test('a report of refusals is as protected as the message: REQUIRETLS, and the header section alone', async () => {
  await using dns = await startTxtServer({ 'sender.example': 'v=spf1 ip4:127.0.0.0/8 -all' })
  await using backend = await startFakeBackend({ offers, certificate })
  await using app = await start({
    recipients: '"tag@example.org": tag-only\n"strict@example.org": strict\n',
    config: `peers: [{ name: default, strategy: bounce }]\nbounces: { dns_servers: ["${dns.address}"], dns_timeout: 1m }\n${behindTls([backend], verified)}`,
  })
  const { client } = await secured(app.port)
  await client.ask('MAIL FROM:<shop@sender.example> RET=FULL REQUIRETLS')
  await client.ask('RCPT TO:<tag@example.org>')
  await client.ask('RCPT TO:<strict@example.org>')
  await client.ask('DATA')
  expect(await client.ask('X-Spam-Score: 9\r\nSubject: offer\r\n\r\nA secret body.\r\n.')).toMatch(
    /^250 /,
  )
  const [message, report] = backend.delivered
  expect(message?.mail).toBe('<shop@sender.example> RET=FULL REQUIRETLS')
  expect(report?.mail).toMatch(/^<> .*\bREQUIRETLS$/)
  const text = report?.text.toString() ?? ''
  expect([text.includes('Subject: offer'), text.includes('A secret body')]).toEqual([true, false])
})
