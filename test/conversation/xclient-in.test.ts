/**
 * XCLIENT from a configured proxy, over sockets: the client that it names is the one of the log and
 * of the peer classes.
 */
import { expect, test } from 'vitest'
import { startTestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

test('the transaction is that of the client whom the proxy names, and its class too', async () => {
  await using app = await startTestApp({
    config: `listen: [{ address: "127.0.0.1:0", xclient_from: [127.0.0.0/8] }]
peers:
  - { name: partners, match: { address: [198.51.100.0/24] } }
  - { name: default }`,
  })
  const client = await Client.connect(app.port)
  await client.reply()
  expect(await client.ask('EHLO proxy.test')).toContain('XCLIENT NAME ADDR')
  expect(await client.ask('XCLIENT ADDR=198.51.100.7 PORT=4711')).toMatch(/^220 /)
  await client.ask('EHLO client.test')
  for (const line of ['MAIL FROM:<s@x.test>', 'RCPT TO:<a@example.org>'])
    expect(await client.ask(line)).toMatch(/^250/)
  expect(await client.ask('DATA')).toMatch(/^354/)
  expect(await client.ask('Subject: x\r\n\r\nhello\r\n.')).toMatch(/^250/)
  client.close()
  expect(app.transactions()).toMatchObject([
    { peer: 'partners', client: { address: '198.51.100.7', port: 4711 } },
  ])
})

test('a malformed address in XCLIENT is refused, whatever it looks like, and the session goes on', async () => {
  await using app = await startTestApp({
    config: `listen: [{ address: "127.0.0.1:0", xclient_from: [127.0.0.0/8] }]`,
  })
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO proxy.test')
  for (const address of [
    'IPV6:1:2:3:4:5:6:7:8:9',
    'IPV6:1::2::3',
    'IPV6::::',
    'IPV6:12345::',
    'IPV6:::1.2.3.999',
    'IPV6:fe80::1%25eth0',
    'IPV6:192.0.2.1',
    '1.2.3.4.5',
    '2001:db8::1',
  ])
    expect([address, await client.ask(`XCLIENT ADDR=${address}`)]).toEqual([
      address,
      expect.stringMatching(/^501 /),
    ])
  expect(await client.ask('XCLIENT ADDR=IPV6:2001:DB8:0::1 PORT=4711')).toMatch(/^220 /)
  await client.ask('EHLO client.test')
  await client.ask('MAIL FROM:<s@x.test>')
  await client.ask('RSET')
  client.close()
})
