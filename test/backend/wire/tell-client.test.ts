/**
 * XCLIENT, XFORWARD and PROXY towards a scripted backend: whom it takes the client for, on which
 * connection.
 */
import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { startTestApp } from '../../support/app.ts'
import { Client, play } from '../../support/dialogue.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'

const extensions = (keyword: string): { on: 'EHLO'; say: string[] } => ({
  on: 'EHLO',
  say: [
    '250-backend.test',
    '250-PIPELINING',
    `250-${keyword} NAME ADDR PORT PROTO HELO`,
    '250 8BITMIME',
  ],
})
const config = (port: number, how: string): string => `
backend: { servers: ["smtp://127.0.0.1:${port}"], mail: at_once, client_address: ${how} }
relay_domains: [example.org]
judges: [{ headers: { from: [127.0.0.0/8] } }]
`
/** One message from each of two sessions, one after the other. */
async function sendTwice(port: number): Promise<void> {
  for (const helo of ['one.test', 'two.test']) {
    const client = await Client.connect(port)
    await client.reply()
    await client.ask(`EHLO ${helo}`)
    expect(await client.ask('MAIL FROM:<s@example.net>')).toMatch(/^250/)
    expect(await client.ask('RCPT TO:<a@example.org>')).toMatch(/^250/)
    expect(await client.ask('DATA')).toMatch(/^354/)
    expect(await client.ask('Subject: x\r\n\r\nx\r\n.')).toMatch(/^250/)
    expect(await client.ask('QUIT')).toMatch(/^221/)
    client.close()
  }
}

describe('XCLIENT', () => {
  const xclient = { on: 'other' as const, having: 'XCLIENT', say: '220 backend.test again' }

  test('one kept connection becomes that of each client in turn, with a new EHLO', async () => {
    await using backend = await startFakeBackend({ rules: [xclient, extensions('XCLIENT')] })
    await using app = await startTestApp({ config: config(backend.port, 'xclient') })
    await sendTwice(app.port)
    const serving = backend.connections.filter(({ lines }) =>
      lines.includes('MAIL FROM:<s@example.net>'),
    )
    expect(serving).toHaveLength(1)
    const told = serving[0]?.lines.filter((line) => /^(?:XCLIENT|EHLO|MAIL)/.test(line)) ?? []
    expect(told.map((line) => line.replace(/PORT=[0-9]+/, 'PORT=N'))).toEqual([
      'EHLO mx.test',
      'XCLIENT HELO=one.test PROTO=ESMTP PORT=N NAME=localhost ADDR=127.0.0.1',
      'EHLO one.test',
      'MAIL FROM:<s@example.net>',
      'XCLIENT HELO=two.test PROTO=ESMTP PORT=N NAME=localhost ADDR=127.0.0.1',
      'EHLO two.test',
      'MAIL FROM:<s@example.net>',
    ])
    expect(backend.delivered[0]?.text.toString()).not.toContain('Received:')
  })

  test.each([
    ['one address', '127.0.0.1', '127.0.0.1', '127.0.0.1'],
    ['all addresses of IPv4', '0.0.0.0', '127.0.0.2', '127.0.0.2'],
    ['all addresses', '[::]', '127.0.0.3', '127.0.0.3'],
    ['all addresses, by IPv6', '[::]', '::1', 'IPV6:::1'],
  ])(
    'the address that the client has connected to, of a listener at %s',
    async (_, listen, to, told) => {
      await using backend = await startFakeBackend({
        rules: [xclient, extensions('XCLIENT DESTADDR DESTPORT')],
      })
      await using app = await startTestApp({
        config: `${config(backend.port, 'xclient')}listen: [{ address: "${listen}:0" }]\n`,
      })
      const client = await Client.connect(app.port, to)
      await client.reply()
      await client.ask('EHLO one.test')
      expect(await client.ask('MAIL FROM:<s@example.net>')).toMatch(/^250/)
      client.close()
      const said = backend.lines().filter((line) => line.startsWith('XCLIENT'))
      expect(said.join(' ')).toContain(`DESTADDR=${told}`)
      expect(said.join(' ')).toContain(`DESTPORT=${app.port}`)
    },
  )

  test('the backend’s refusal of the client is the answer to MAIL', async () => {
    const refusal = { ...xclient, say: '550 5.7.1 your address is not welcome' }
    await using backend = await startFakeBackend({ rules: [refusal, extensions('XCLIENT')] })
    await using app = await startTestApp({ config: config(backend.port, 'xclient') })
    await play(
      app.port,
      'S: 220 *\nC: HELO x\nS: 250 *\nC: MAIL FROM:<s@x>\nS: 550 5.7.1 your address is not welcome',
    )
  })

  test('a backend that does not understand XCLIENT has refused nobody: the client keeps its mail', async () => {
    const refusal = { ...xclient, say: '501 5.5.4 Bad ADDR syntax: IPV6:2001:db8::7' }
    await using backend = await startFakeBackend({ rules: [refusal, extensions('XCLIENT')] })
    await using app = await startTestApp({ config: config(backend.port, 'xclient') })
    await play(app.port, 'S: 220 *\nC: HELO x\nS: 250 *\nC: MAIL FROM:<s@x>\nS: 451 4.4.1 *')
    const said = app.facts.map((fact) => (fact.kind === 'backendFailed' ? fact.why : '')).join('\n')
    expect(said).toContain('XCLIENT: 501 5.5.4 Bad ADDR syntax')
  })

  test('a backend that does not take XCLIENT from us gets no mail under our own address (rule 8)', async () => {
    await using backend = await startFakeBackend()
    await using app = await startTestApp({ config: config(backend.port, 'xclient') })
    await play(app.port, 'S: 220 *\nC: HELO x\nS: 250 *\nC: MAIL FROM:<s@x>\nS: 451 4.4.1 *')
    expect(backend.connections.flatMap(({ lines }) => lines)).not.toContain('MAIL FROM:<s@x>')
    const said = app.facts.map((fact) => (fact.kind === 'backendFailed' ? fact.why : '')).join('\n')
    expect(said).toContain('smtpd_authorized_xclient_hosts')
  })
})

test('XFORWARD goes out with each message', async () => {
  await using backend = await startFakeBackend({ rules: [extensions('XFORWARD')] })
  await using app = await startTestApp({ config: config(backend.port, 'xforward') })
  await sendTwice(app.port)
  const lines = backend.connections.flatMap((connection) => connection.lines)
  expect(
    lines.filter((line) => line.startsWith('XFORWARD')).map((line) => /HELO=\S+/.exec(line)?.[0]),
  ).toEqual(['HELO=one.test', 'HELO=two.test'])
  expect(backend.delivered[0]?.text.toString()).toContain('Received: from one.test')
})

test.each([
  ['version 2', 'proxy', '0d0a0d0a000d0a515549540a2111000c'],
  ['version 1', 'proxy, proxy_version: 1', Buffer.from('PROXY TCP4 127.0.0.1').toString('hex')],
])('PROXY %s: a header in front of the connection of each client', async (_name, how, start) => {
  const firsts: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', (data: Buffer) => {
      firsts.push(data.toString('hex'))
      socket.write('220 backend.test\r\n')
      socket.on('data', (more: Buffer) => {
        for (const line of more.toString('latin1').split('\r\n').slice(0, -1)) {
          if (/^(?:EHLO|MAIL|RCPT)/.test(line)) socket.write('250 ok\r\n')
          else if (line === 'DATA') socket.write('354 go\r\n')
          else if (line === '.') socket.write('250 taken\r\n')
        }
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await using app = await startTestApp({
      config: config((server.address() as AddressInfo).port, how),
    })
    await sendTwice(app.port)
    const stranger = 'c0000201' // 192.0.2.1 asks first what would be relayed
    expect(
      firsts.filter((first) => first.startsWith(start) && !first.includes(stranger)),
    ).toHaveLength(2)
    expect(new Set(firsts).size).toBe(firsts.length)
  } finally {
    server.close()
  }
})
