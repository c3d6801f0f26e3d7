/** PROXY headers in front of connections to us. */
import { expect, test } from 'vitest'
import { encodeProxyVersion1, encodeProxyVersion2 } from '../../src/smtp/proxy-header.ts'
import { startTestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

const addresses = {
  source: { address: '192.0.2.7', port: 4711 },
  destination: { address: '198.51.100.2', port: 25 },
}
const proxied = `
listen: [{ address: "127.0.0.1:0", proxy_protocol_from: [127.0.0.0/8] }]
peers:
  - { name: known, match: { address: [192.0.2.0/24] }, strategy: lenient }
timeouts: { proxy_header: 1500ms }
`

async function open(port: number, header: Buffer | string): Promise<Client> {
  const client = await Client.connect(port)
  client.socket.write(header)
  return client
}

test.each([
  ['version 1', Buffer.from(encodeProxyVersion1(addresses)), '192.0.2.7', 'known'],
  ['version 2', encodeProxyVersion2(addresses), '192.0.2.7', 'known'],
  ['UNKNOWN: the proxy itself', Buffer.from('PROXY UNKNOWN\r\n'), '127.0.0.1', 'default'],
])('%s says who the client is', async (_name, header, address, peer) => {
  await using app = await startTestApp({ config: proxied })
  const client = await open(app.port, header)
  expect(await client.reply()).toEqual(['220 mx.test ESMTP Rcptwise'])
  await client.ask('EHLO x')
  await client.ask('MAIL FROM:<s@example.net>')
  await client.ask('QUIT')
  expect(app.transactions()).toMatchObject([{ client: { address }, peer }])
  client.close()
})

test.each([
  ['a client that speaks SMTP at once', 'EHLO x\r\n'],
  ['nothing at all, in time', ''],
])('%s is closed without a word', async (_name, said) => {
  await using app = await startTestApp({ config: proxied })
  const client = await open(app.port, said)
  expect(await client.line()).toBeUndefined()
  expect(app.facts).toContainEqual(
    expect.objectContaining({ kind: 'connectionRefused', limit: 'proxy_header' }),
  )
  client.close()
})

test('commands in one packet with the header came before the greeting', async () => {
  await using app = await startTestApp({ config: proxied })
  const client = await open(app.port, `${encodeProxyVersion1(addresses)}EHLO x\r\n`)
  expect((await client.reply()).join()).toMatch(/^554 5.5.0 /)
  client.close()
})

test('from elsewhere a PROXY header is a command that does not exist', async () => {
  await using app = await startTestApp()
  const client = await Client.connect(app.port)
  await client.reply()
  expect(await client.ask('PROXY TCP4 192.0.2.7 198.51.100.2 4711 25')).toMatch(/^500 /)
  client.close()
})
