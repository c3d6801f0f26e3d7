/**
 * A client that sends the text although DATA was refused, over real sockets: no line of it is taken
 * for a command.
 */
import { expect, test } from 'vitest'
import { cut } from '../smtp/splits.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { behind, open, start, untilEnd } from '../support/session.ts'

const envelope = (to: string): string => `MAIL FROM:<s@example.net>\r\nRCPT TO:<${to}>\r\nDATA\r\n`
const hostile = 'MAIL FROM:<evil@example.net>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\n'

test.each<[string, string, string[]]>([
  ['a text', 'Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n', ['554', '221']],
  ['commands in it', `Subject: x\r\n\r\n${hostile}evil\r\n.\r\nQUIT\r\n`, ['554', '221']],
  [
    'dots that end nothing',
    `\r\n.\n\r\n\n.\r\n\r.\r\r\n..\r\n${hostile}\r\n.\r\nQUIT\r\n`,
    ['554', '221'],
  ],
  ['a long first line', `${'x'.repeat(1900)}\r\n${hostile}.\r\nQUIT\r\n`, ['554', '221']],
  [
    'a long later line',
    `Subject: x\r\n${'x'.repeat(100_000)}\r\n${hostile}.\r\nQUIT\r\n`,
    ['554', '221'],
  ],
  ['a dot alone', '.\r\nQUIT\r\n', ['554', '221']],
  [
    'a message that follows',
    `Subject: x\r\n.\r\n${envelope('b@example.org')}`,
    ['554', '250', '250', '354'],
  ],
  [
    'nothing, for a client that has read the reply',
    envelope('b@example.org'),
    ['250', '250', '354'],
  ],
  ['bare LF at the start', 'Subject: x\n.\nQUIT\r\n', ['521']],
])('%s', async (_name, octets, codes) => {
  await using backend = await startFakeBackend({
    rules: [{ on: 'RCPT', having: '<a@', say: '550 5.1.1 Unknown' }],
  })
  await using app = await start({ config: behind(backend) })
  for (const cuts of [[], [1], [7, 12], Array.from({ length: 200 }, (_, i) => i)]) {
    const client = await open(app.port)
    client.send(envelope('a@example.org'))
    const before: string[] = []
    for (let i = 0; i < 3; i++) before.push(...(await client.reply()))
    expect(before.map((line) => line.slice(0, 3))).toEqual(['250', '550', '554'])
    for (const piece of cut(Buffer.from(octets, 'latin1'), cuts)) {
      client.socket.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const said: string[] = []
    while (said.length < codes.length) said.push((await client.reply()).join('\n').slice(0, 3))
    expect(said, JSON.stringify(cuts.slice(0, 3))).toEqual(codes)
    if (codes.at(-1) === '354') client.send('Subject: y\r\n\r\nhello\r\n.\r\nQUIT\r\n')
    const rest = (await untilEnd(client)).map((line) => line.slice(0, 3))
    expect(rest).toEqual(codes.at(-1) === '354' ? ['250', '221'] : [])
    client.close()
  }
  const mails = backend.delivered.map(({ recipients }) => recipients.join())
  expect(mails).toEqual(codes.includes('354') ? Array<string>(4).fill('<b@example.org>') : [])
  const commands = backend.connections.flatMap(({ reads }) => reads).join('')
  expect(commands).not.toMatch(/evil|victim/)
})

test('a client that leaves in the middle of it is gone', async () => {
  await using app = await start()
  const client = await open(app.port)
  await client.ask('DATA')
  client.socket.end('Subject: x\r\n')
  expect(await untilEnd(client)).toEqual([])
  await expect.poll(() => app.facts.some((fact) => fact.kind === 'sessionClosed')).toBe(true)
})
