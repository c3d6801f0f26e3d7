/**
 * The backend knows who the client is: its log has the client's own address, and its rules about
 * relaying hold for that one.
 *
 *   a client that HAProxy would announce as 192.0.2.7 ─(PROXY)▶ Rcptwise ─(XCLIENT | XFORWARD | PROXY)▶ Postfix
 */
import { describe, expect, test } from 'vitest'
import { encodeProxyVersion2 } from '../../../src/smtp/proxy-header.ts'
import { Client } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { until } from '../../support/lab/until.ts'

const mailboxes = ['tag1@example.org']
const recipients = { 'tag1@example.org': 'tag-only' }
const header = encodeProxyVersion2({
  source: { address: '192.0.2.7', port: 4711 },
  destination: { address: '127.0.0.1', port: 25 },
})
const listen = [{ address: '127.0.0.1:0', proxy_protocol_from: ['127.0.0.0/8'] }]

async function connect(port: number): Promise<Client> {
  const client = await Client.connect(port)
  client.socket.write(header)
  expect((await client.reply()).join()).toMatch(/^220 /)
  expect(await client.ask('EHLO client.test')).toMatch(/^250/)
  return client
}

async function sendFrom(port: number): Promise<void> {
  const client = await connect(port)
  expect(await client.ask('MAIL FROM:<s@client.test>')).toMatch(/^250/)
  expect(await client.ask('RCPT TO:<tag1@example.org>')).toMatch(/^250/)
  expect(await client.ask('DATA')).toMatch(/^354/)
  expect(await client.ask('Subject: x\r\n\r\nx\r\n.')).toMatch(/^250/)
  client.close()
}

describe.skipIf(interopObstacle() !== undefined)('Postfix is told the client', () => {
  test.each([
    [
      'xclient',
      { client_address: 'xclient' },
      ['smtpd_authorized_xclient_hosts = 127.0.0.0/8'],
      /client=unknown\[192\.0\.2\.7\]/,
    ],
    [
      'proxy',
      { client_address: 'proxy' },
      ['smtpd_upstream_proxy_protocol = haproxy'],
      /client=unknown\[192\.0\.2\.7\]/,
    ],
    [
      'proxy, version 1',
      { client_address: 'proxy', proxy_version: 1 },
      ['smtpd_upstream_proxy_protocol = haproxy'],
      /client=unknown\[192\.0\.2\.7\]/,
    ],
    [
      'xforward',
      { client_address: 'xforward' },
      ['smtpd_authorized_xforward_hosts = 127.0.0.0/8'],
      /orig_client=unknown\[192\.0\.2\.7\]/,
    ],
  ])('%s', async (_name, told, main, logged) => {
    await using backend = await startPostfix({ server: { mailboxes }, main })
    const relay =
      told.client_address === 'xforward'
        ? { relay_domains: ['example.org'] }
        : { relay_domains: undefined }
    const config = {
      listen,
      ...relay,
      backend: { servers: [`smtp://127.0.0.1:${backend.port}`], ...told },
    }
    await using rcptwise = await startFrontEnd({ backend: backend.port, recipients, config })
    await sendFrom(rcptwise.port)
    await until('Postfix logs the client', async () => logged.test(await backend.log()))
    await backend.empty()
    expect(await backend.mailbox('tag1@example.org')).toHaveLength(1)
    await sendFrom(rcptwise.port)
    const client = await connect(rcptwise.port)
    await client.ask('MAIL FROM:<s@client.test>')
    expect(await client.ask('RCPT TO:<x@elsewhere.test>')).toMatch(/^55[04] 5\.7\.1 /)
    client.close()
  })

  test('two clients share a connection where Postfix takes XCLIENT again', async () => {
    await using backend = await startPostfix({
      server: { mailboxes },
      main: ['smtpd_authorized_xclient_hosts = static:all'],
    })
    const servers = [`smtp://127.0.0.1:${backend.port}`]
    const config = {
      listen,
      relay_domains: undefined,
      backend: { servers, client_address: 'xclient' },
    }
    await using rcptwise = await startFrontEnd({ backend: backend.port, recipients, config })
    await sendFrom(rcptwise.port)
    await until('the first client is gone', () => rcptwise.log().includes('"kind":"sessionClosed"'))
    const connections = await rcptwise.metric('rcptwise_backend_connections_total')
    await sendFrom(rcptwise.port)
    await backend.empty()
    expect(await backend.mailbox('tag1@example.org')).toHaveLength(2)
    expect(await rcptwise.metric('rcptwise_backend_connections_total')).toBe(connections)
  })

  test("rules.md: “A server that learns the client's address (XCLIENT, PROXY) decides itself.” “Rcptwise first asks that server as a stranger would, and sends no mail to a server that relays for strangers.”", async () => {
    await using backend = await startPostfix({
      server: { mailboxes },
      main: [
        'smtpd_authorized_xclient_hosts = 127.0.0.0/8',
        'smtpd_relay_restrictions = check_client_access static:OK, reject_unauth_destination',
        'smtpd_recipient_restrictions =',
        'default_transport = smtp',
        'relayhost = [127.0.0.1]:1',
      ],
    })
    const servers = [`smtp://127.0.0.1:${backend.port}`]
    const config = {
      listen,
      relay_domains: undefined,
      backend: { servers, client_address: 'xclient' },
    }
    // A Postfix that is slow to answer its first stranger is asked later; then it is not ready, and
    // serves nobody until then.
    let why = ''
    for (let tries = 0; tries < 4 && why === ''; tries++) {
      const started = startFrontEnd({ backend: backend.port, recipients, config })
      const rcptwise = await started.catch((error: unknown) => {
        why = String(error)
      })
      await rcptwise?.[Symbol.asyncDispose]()
    }
    expect(why).toMatch(/would relay mail from a stranger/)
  })
})
