/**
 * A server behind that answers a large text before its end: the client is told behind its text, and
 * the session goes on.
 */
import { describe, expect, test } from 'vitest'
import { startFakeBackend } from '../support/fake-backend.ts'
import { behind, open, start } from '../support/session.ts'

const line = `${'x'.repeat(998)}\r\n`
const header = 'X-Spam-Score: 1\r\n\r\n'

describe('a server behind that answers in the middle of the text', () => {
  test.each([
    ['refuses it', '552 5.3.4 Too large', {}, /^552 5\.3\.4/],
    ['can not now', '452 4.3.1 No room', {}, /^452 4\.3\.1/],
    ['goes away', undefined, { then: 'reset' }, /^451/],
  ] as const)('%s: nothing is said before the dot', async (_name, say, more, told) => {
    let answered = (): void => undefined
    const hasAnswered = new Promise<void>((resolve) => {
      answered = resolve
    })
    const rule = {
      on: 'octets',
      octets: 100_000,
      nth: 1,
      reached: () => answered(),
      ...more,
    } as const
    await using backend = await startFakeBackend({
      rules: [say === undefined ? rule : { ...rule, say }],
    })
    await using app = await start({ config: behind(backend) })
    const client = await open(app.port)
    await client.ask('MAIL FROM:<s@example.net>')
    await client.ask('RCPT TO:<a@example.org>')
    await client.ask('DATA')
    client.send(header + line.repeat(200))
    await hasAnswered
    // NOOP would be answered before the text, if a word were said too early.
    client.send(`${line.repeat(200)}.\r\nNOOP\r\n`)
    expect((await client.reply()).join('\n')).toMatch(told)
    expect(await client.reply()).toEqual(['250 2.0.0 OK'])
    expect(app.transactions()).toMatchObject([
      { sizeBytes: header.length + 400 * line.length, score: 1, deliveries: [{ recipients: 1 }] },
    ])
    await client.ask('MAIL FROM:<s@example.net>')
    await client.ask('RCPT TO:<a@example.org>')
    await client.ask('DATA')
    expect(await client.ask(`${header}hello\r\n.`)).toMatch(/^250/)
    expect(backend.delivered.at(-1)?.text.includes('hello')).toBe(true)
    client.close()
  })
})
