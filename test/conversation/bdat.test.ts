/** BDAT (RFC 3030): exact octets, chunks may be pipelined, a refused chunk is still read. */
import { describe, expect, test } from 'vitest'
import { startFakeBackend } from '../support/fake-backend.ts'
import { behind, open, start, untilEnd } from '../support/session.ts'

const chunking = 'ehlo: { chunking: true }\n'
const envelope = 'MAIL FROM:<s@example.net>\r\nRCPT TO:<a@example.org>\r\n'

/** Plays octets after EHLO, then QUIT; gives the codes of all replies and what was delivered. */
async function deliver(
  octets: string,
  config = '',
): Promise<{ codes: string[]; texts: string[]; lines: string[] }> {
  await using backend = await startFakeBackend()
  await using app = await start({ config: chunking + behind(backend) + config })
  const client = await open(app.port)
  client.send(`${octets}QUIT\r\n`)
  const lines = await untilEnd(client)
  client.close()
  const texts = backend.delivered.map(({ text }) =>
    // An empty line is behind it where the text does not begin with a field (first-line.ts).
    text.toString('latin1').replace(/^Received:.*\r\n(?:\t.*\r\n)*(?:\r\n)?/, ''),
  )
  return { codes: lines.map((line) => line.slice(0, 3)), texts, lines }
}

describe('BDAT', () => {
  test.each<[string, string, string[], string[]]>([
    [
      'one chunk',
      `${envelope}BDAT 7 LAST\r\nhello\r\n`,
      ['250', '250', '250', '221'],
      ['hello\r\n'],
    ],
    [
      'several',
      `${envelope}BDAT 3\r\nhelBDAT 4 LAST\r\nlo\r\n`,
      ['250', '250', '250', '250', '221'],
      ['hello\r\n'],
    ],
    [
      '0 LAST',
      `${envelope}BDAT 7\r\nhello\r\nBDAT 0 LAST\r\n`,
      ['250', '250', '250', '250', '221'],
      ['hello\r\n'],
    ],
    ['nothing at all', `${envelope}BDAT 0 LAST\r\n`, ['250', '250', '250', '221'], ['']],
    [
      'a CRLF cut in two',
      `${envelope}BDAT 6\r\nhello\rBDAT 1 LAST\r\n\n`,
      ['250', '250', '250', '250', '221'],
      ['hello\r\n'],
    ],
    [
      'dots are content',
      `${envelope}BDAT 8 LAST\r\n.\r\n..\r\n.`,
      ['250', '250', '250', '221'],
      ['.\r\n..\r\n.\r\n'],
    ],
    [
      'commands inside are content',
      `${envelope}BDAT 12 LAST\r\nQUIT\r\nRSET\r\n`,
      ['250', '250', '250', '221'],
      ['QUIT\r\nRSET\r\n'],
    ],
    [
      'DATA after BDAT',
      `${envelope}BDAT 3\r\nhelNOOP\r\nDATA\r\n`,
      ['250', '250', '250', '250', '554'],
      [],
    ],
    [
      'MAIL between chunks',
      `${envelope}BDAT 3\r\nhelMAIL FROM:<x@example.net>\r\nBDAT 0 LAST\r\n`,
      ['250', '250', '250', '503', '250', '221'],
      ['hel\r\n'],
    ],
    [
      'RSET between chunks',
      `${envelope}BDAT 3\r\nhelRSET\r\n${envelope}BDAT 4 LAST\r\nlo\r\n`,
      ['250', '250', '250', '250', '250', '250', '250', '221'],
      ['lo\r\n'],
    ],
    ['without MAIL', 'BDAT 6\r\nQUIT\r\nNOOP\r\n', ['503', '250', '221'], []],
    [
      'without a recipient',
      'MAIL FROM:<s@example.net>\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n',
      ['250', '503', '250', '221'],
      [],
    ],
    [
      'all recipients refused',
      'MAIL FROM:<s@example.net>\r\nRCPT TO:<x@elsewhere.test>\r\nBDAT 6 LAST\r\nQUIT\r\n',
      ['250', '550', '554', '221'],
      [],
    ],
    [
      'LAST twice',
      `${envelope}BDAT 7 LAST\r\nhello\r\nBDAT 6 LAST\r\nQUIT\r\n`,
      ['250', '250', '250', '503', '221'],
      ['hello\r\n'],
    ],
    ['a bare LF', `${envelope}BDAT 6 LAST\r\nhello\n`, ['250', '250', '550', '221'], []],
    [
      'a bare CR at the end of all',
      `${envelope}BDAT 6 LAST\r\nhello\r`,
      ['250', '250', '550', '221'],
      [],
    ],
  ])('%s', async (_name, octets, codes, texts) => {
    expect(await deliver(octets)).toMatchObject({ codes, texts })
  })

  test('a CRLF is cut in two, and the octets of the second chunk come after its command', async () => {
    await using backend = await startFakeBackend()
    await using app = await start({ config: chunking + behind(backend) })
    const client = await open(app.port)
    client.send(`${envelope}BDAT 6\r\nhello\r`)
    for (let replies = 0; replies < 3; replies++) await client.reply()
    client.send('BDAT 1 LAST\r\n')
    // What came by then was read by then: the reply to another session's command says so.
    const other = await open(app.port)
    await other.ask('NOOP')
    other.close()
    client.send('\n')
    expect((await client.reply())[0]).toMatch(/^250/)
    client.close()
    expect(
      backend.delivered.map(({ text }) => text.toString('latin1').endsWith('hello\r\n')),
    ).toEqual([true])
  })

  test('a message that is too large is read to its end', async () => {
    const { codes, texts } = await deliver(
      `${envelope}BDAT 40000\r\n${'a\r\n'.repeat(13_333)}\nBDAT 40002 LAST\r\n${'a\r\n'.repeat(13_334)}`,
      'limits: { message_size: 64KiB }\nbare_newlines: normalize\n',
    )
    expect(codes).toEqual(['250', '250', '250', '552', '221'])
    expect(texts).toEqual([])
  })

  test('where it was not offered its octets are thrown away', async () => {
    await using app = await start()
    const client = await open(app.port)
    client.send('BDAT 6 LAST\r\nRSET\r\nNOOP\r\nQUIT\r\n')
    expect((await untilEnd(client)).map((line) => line.slice(0, 3))).toEqual(['502', '250', '221'])
    client.close()
  })

  test.each(['BDAT x', 'BDAT -5', 'BDAT 5 FIRST'])(
    '%s: nobody knows where its octets end, so the session does',
    async (command) => {
      const { codes, texts } = await deliver(
        `${envelope}${command}\r\nMAIL FROM:<evil@example.net>\r\n`,
      )
      expect(codes).toEqual(['250', '250', '521'])
      expect(texts).toEqual([])
    },
  )

  test('a PRDR block after LAST', async () => {
    await using app = await start({
      config: chunking,
      recipients: '"a@example.org": tag-only\n"b@example.org": strict\n',
    })
    const client = await open(app.port)
    const text = 'X-Spam-Score: 9\r\n\r\nhello\r\n'
    client.send(
      `MAIL FROM:<s@example.net> PRDR\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nBDAT ${text.length} LAST\r\n${text}QUIT\r\n`,
    )
    expect((await untilEnd(client)).map((line) => line.slice(0, 3))).toEqual([
      '250',
      '250',
      '250',
      '353',
      '250',
      '550',
      '250',
      '221',
    ])
    client.close()
  })
})

test('chunks whose commands come one by one', async () => {
  await using backend = await startFakeBackend()
  await using app = await start({ config: chunking + behind(backend) })
  const client = await open(app.port)
  const said: string[] = []
  for (const octets of [
    'MAIL FROM:<s@example.net>\r\n',
    'RCPT TO:<a@example.org>\r\n',
    'BDAT 3\r\nhel',
    'NOOP\r\n',
    'BDAT 2\r\nlo',
    'BDAT 2 LAST\r\n\r\n',
  ]) {
    client.send(octets)
    said.push(...(await client.reply()))
  }
  client.close()
  expect(said.map((line) => line.slice(0, 3))).toEqual(['250', '250', '250', '250', '250', '250'])
  expect(backend.delivered[0]?.text.toString('latin1')).toMatch(/hello\r\n$/)
})
