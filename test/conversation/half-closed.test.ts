/**
 * A client may close its side after QUIT, before it has been answered (protocol.md: Exim). It gets
 * everything that it is owed.
 */
import { describe, expect, test } from 'vitest'
import { startFakeBackend } from '../support/fake-backend.ts'
import { behind, open, start, untilEnd } from '../support/session.ts'

const recipients = `"a@example.org": tag-only\n"b@example.org": strict\n`
const text = 'X-Spam-Score: 9\r\n\r\nhello\r\n.\r\n'

describe('FIN before the reply', () => {
  test.each(['sink', 'smtp'] as const)('the whole PRDR block, then 221 (%s)', async (kind) => {
    await using backend = await startFakeBackend()
    await using app = await start({ recipients, config: kind === 'smtp' ? behind(backend) : '' })
    const client = await open(app.port)
    client.send(
      'MAIL FROM:<s@example.net> PRDR\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n',
    )
    for (let i = 0; i < 4; i++) await client.reply()
    client.socket.end(`${text}QUIT\r\n`, 'latin1')
    const lines = await untilEnd(client)
    expect(lines.map((line) => line.slice(0, 3))).toEqual(['353', '250', '550', '250', '221'])
  })

  test('everything in one go, with replies that come late', async () => {
    let release = (): void => undefined
    const hold = new Promise<void>((resolve) => {
      release = resolve
    })
    await using backend = await startFakeBackend({
      rules: [{ on: 'RCPT', nth: 1, hold, reached: () => setTimeout(release, 50) }],
    })
    await using app = await start({ config: behind(backend) })
    const client = await open(app.port)
    client.socket.end(
      'MAIL FROM:<s@example.net>\r\nRCPT TO:<a@example.org>\r\nRSET\r\nNOOP\r\nQUIT\r\n',
    )
    expect((await untilEnd(client)).map((line) => line.slice(0, 3))).toEqual([
      '250',
      '250',
      '250',
      '250',
      '221',
    ])
  })

  test('a text without QUIT: its reply, then the end', async () => {
    await using app = await start()
    const client = await open(app.port)
    client.send('MAIL FROM:<s@example.net>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n')
    for (let i = 0; i < 3; i++) await client.reply()
    client.socket.end('hello\r\n.\r\n')
    expect((await untilEnd(client)).map((line) => line.slice(0, 3))).toEqual(['250'])
    expect(await app.mail('a@example.org')).toHaveLength(1)
  })

  test('a text that is cut short is delivered to nobody', async () => {
    await using backend = await startFakeBackend()
    await using app = await start({ config: behind(backend) })
    const client = await open(app.port)
    client.send('MAIL FROM:<s@example.net>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n')
    for (let i = 0; i < 3; i++) await client.reply()
    client.socket.end('hello\r\n.')
    expect(await untilEnd(client)).toEqual([])
    await expect.poll(() => app.transactions().map(({ outcome }) => outcome)).toEqual(['aborted'])
    expect(backend.texts).toEqual([])
  })
})
