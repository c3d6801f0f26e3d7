/**
 * STARTTLS (RFC 3207): what was said before is forgotten, and nothing said in clear is taken for
 * something said over TLS.
 */
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { Client, playOn } from '../support/dialogue.ts'
import { open, start, untilEnd } from '../support/session.ts'

async function upgrade(client: Client): Promise<{ tls: TLSSocket; client: Client }> {
  expect(await client.ask('STARTTLS')).toMatch(/^220 2\.0\.0/)
  client.socket.removeAllListeners('data')
  const tls = connectTls({
    socket: client.socket,
    rejectUnauthorized: false,
    servername: 'mx.test',
  })
  await new Promise<void>((resolve, reject) => {
    tls.once('secureConnect', resolve)
    tls.once('error', reject)
  })
  return { tls, client: new Client(tls) }
}

describe('STARTTLS', () => {
  test('a message over TLS', async () => {
    await using app = await start()
    const clear = await open(app.port)
    expect(await clear.ask('MAIL FROM:<before@example.net>')).toMatch(/^250/)
    const { tls, client } = await upgrade(clear)
    expect(tls.getPeerCertificate().subject.CN).toBe('mx.test')
    await playOn(
      client,
      `
      C: RCPT TO:<a@example.org>
      S: 503 5.5.1 Say EHLO or HELO first
      C: MAIL FROM:<s@example.net>
      S: 503 5.5.1 Say EHLO or HELO first
      C: EHLO client.test
      S: 250-mx.test
      S: 250-PIPELINING
      S: 250-SIZE *
      S: 250-ENHANCEDSTATUSCODES
      S: 250-8BITMIME
      S: 250-DSN
      S: 250-SMTPUTF8
      S: 250-REQUIRETLS
      S: 250-GREYLIST
      S: 250 PRDR
      C: STARTTLS
      S: 503 5.5.1 TLS is active already
      C: MAIL FROM:<s@example.net>
      C: RCPT TO:<a@example.org>
      C: DATA
      S: 250 *
      S: 250 *
      S: 354 *
      C: hello
      C: .
      C: QUIT
      S: 250 *
      S: 221 *
      S: <end>
      `,
    )
    client.close()
    clear.close()
    expect((await app.mail('a@example.org'))[0]).toMatch(/with ESMTPS id /)
    expect(app.facts.find((fact) => fact.kind === 'sessionSecured')).toMatchObject({
      protocol: 'TLSv1.3',
    })
    expect(app.facts.find((fact) => fact.kind === 'sessionClosed')).toMatchObject({
      tls: true,
      why: 'quit',
    })
  })

  test('a command in the same segment is refused, not run (CVE-2011-0411)', async () => {
    await using app = await start()
    const client = await open(app.port)
    client.send('STARTTLS\r\nMAIL FROM:<evil@example.net>\r\n')
    expect((await untilEnd(client)).map((line) => line.slice(0, 9))).toEqual(['554 5.5.0'])
    client.close()
  })

  test('a command in clear after 220 ends the session', async () => {
    await using app = await start()
    const client = await open(app.port)
    await client.ask('STARTTLS')
    client.send('MAIL FROM:<evil@example.net>\r\n')
    expect((await untilEnd(client)).join('\n')).not.toMatch(/^[25]/m)
    client.close()
    await expect.poll(() => app.facts.some((fact) => fact.kind === 'sessionClosed')).toBe(true)
    expect(app.transactions()).toEqual([])
  })

  test('STARTTLS before EHLO, and a client that goes away in the handshake', async () => {
    await using app = await start()
    const client = await Client.connect(app.port)
    await client.reply()
    expect(await client.ask('STARTTLS')).toMatch(/^220/)
    client.close()
    await expect
      .poll(() => app.facts.filter((fact) => fact.kind === 'sessionClosed').length)
      .toBe(1)
  })
})
