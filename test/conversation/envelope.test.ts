/** What the backend is shown of the envelope and the text, and what of its EHLO the client sees. */
import { describe, expect, test } from 'vitest'
import { Client } from '../support/dialogue.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { behind, open, pipeline, start } from '../support/session.ts'

const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

describe('parameters reach the backend as they came, but for PRDR', () => {
  test('SIZE, BODY, SMTPUTF8, DSN', async () => {
    await using backend = await startFakeBackend()
    await using app = await start({ config: behind(backend) })
    const client = await open(app.port)
    const said = await pipeline(
      client,
      `MAIL FROM:<${utf8('jörg')}@example.net> SIZE=100 PRDR BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B1`,
      'RCPT TO:<"a b"@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@example.org',
      `RCPT TO:<@relay.test:${utf8('ü')}@example.org>`,
      'RSET',
    )
    client.close()
    expect(said.map((line) => line.slice(0, 3))).toEqual(['250', '250', '250', '250'])
    const lines = backend.lines()
    expect(lines).toContain(
      `MAIL FROM:<${utf8('jörg')}@example.net> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B1`,
    )
    expect(lines).toContain(
      'RCPT TO:<"a b"@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@example.org',
    )
    expect(lines).toContain(`RCPT TO:<${utf8('ü')}@example.org>`)
  })

  test('SIZE is ours to offer, and does not go to a backend that has not', async () => {
    await using backend = await startFakeBackend({ offers: ['PIPELINING'] })
    await using app = await start({ config: behind(backend) })
    const client = await open(app.port)
    await pipeline(client, 'MAIL FROM:<s@example.net> SIZE=100', 'RCPT TO:<a@example.org>', 'RSET')
    client.close()
    expect(backend.lines()).toContain('MAIL FROM:<s@example.net>')
  })

  test('what the backend can not do is not offered, and refused', async () => {
    await using backend = await startFakeBackend({ offers: ['PIPELINING'] })
    await using app = await start({ config: behind(backend) })
    const client = await Client.connect(app.port)
    await client.reply()
    const offered = await client.ask('EHLO client.test')
    expect(offered).not.toMatch(/8BITMIME|SMTPUTF8|DSN/)
    expect(await client.ask('MAIL FROM:<s@example.net> BODY=8BITMIME')).toMatch(/^555 5\.5\.4/)
    expect(await client.ask(`MAIL FROM:<o@${utf8('ö')}.example.net>`)).toMatch(/^553 5\.6\.7/)
    expect(await client.ask('MAIL FROM:<s@example.net>')).toMatch(/^250/)
    expect(await client.ask(`RCPT TO:<o@${utf8('ö')}.example.org>`)).toMatch(/^553 5\.6\.7/)
    expect(await client.ask('RCPT TO:<a@example.org> NOTIFY=NEVER')).toMatch(/^555 5\.5\.4/)
    client.close()
  })
})

test("the backend's own words reach the client", async () => {
  await using backend = await startFakeBackend({
    rules: [
      { on: 'RCPT', having: '<full@', say: '452 4.2.2 Mailbox full' },
      { on: 'RCPT', having: '<many@', say: ['550-5.1.1 No such user', '550 5.1.1 Ask postmaster'] },
      { on: 'RCPT', having: '<moved@', say: '251 2.1.5 Forwarded' },
      { on: 'RCPT', having: '<old@', say: '550 no such user' },
      { on: 'dot', say: '554 5.7.1 Not with us' },
    ],
  })
  await using app = await start({ config: behind(backend) })
  const client = await open(app.port)
  const rcpts = ['full', 'many', 'moved', 'old'].map((name) => `RCPT TO:<${name}@example.org>`)
  const said = await pipeline(client, 'MAIL FROM:<s@example.net>', ...rcpts)
  expect(said.slice(1)).toEqual([
    '452 4.2.2 Mailbox full',
    '550-5.1.1 No such user\n550 5.1.1 Ask postmaster',
    '250 2.1.5 Forwarded',
    '550 5.0.0 no such user',
  ])
  expect(await client.ask('RSET')).toMatch(/^250/)
  await pipeline(client, 'MAIL FROM:<s@example.net>', 'RCPT TO:<a@example.org>', 'DATA')
  client.send('hello\r\n.\r\n')
  expect((await client.reply())[0]).toBe('554 5.7.1 Not with us')
  client.close()
})
