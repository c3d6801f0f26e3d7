/**
 * SMTP smuggling (CVE-2023-51764, -51765, -51766): whatever stands around a dot inside of a text, a
 * backend that takes nearly anything for the end of it never sees a second message. Through the
 * whole product, with DATA and with BDAT.
 */
import { describe, expect, test } from 'vitest'
import { Client } from '../support/dialogue.ts'
import { start } from '../support/session.ts'
import { startLenientBackend } from './lenient-backend.ts'

const parts = ['', '\r', '\n', '\r\n', '\0', '\r\0', '\0\n', '\n\r', '\r\r', '\r\r\n', '\r\n\0']
const dots = ['.', '..', '.\0', '\0.']
/** Every way to write "end of line, dot, end of line" that somebody might read so. */
const all = [
  ...new Set(
    parts.flatMap((before) => dots.flatMap((dot) => parts.map((after) => before + dot + after))),
  ),
]
/** With the right one a text is over, unless its octets are counted. */
const lookAlikes = { BDAT: all, DATA: all.filter((sequence) => !sequence.includes('\r\n.\r\n')) }
const smuggled =
  'MAIL FROM:<smuggled@example.net>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nevil\r\n.\r\n'

/** Gives what happened to one message that carries the sequence: the reply to its text. */
async function carry(client: Client, sequence: string, how: 'DATA' | 'BDAT'): Promise<string> {
  const text = `Subject: carrier\r\n\r\nhello${sequence}${smuggled.slice(0, -3)}`
  client.send('MAIL FROM:<carrier@example.net>\r\nRCPT TO:<a@example.org>\r\n')
  await client.reply()
  await client.reply()
  if (how === 'BDAT')
    return await client.ask(`BDAT ${text.length} LAST\r\n${text}`.replace(/\r\n$/, ''))
  await client.ask('DATA')
  client.send(`${text}.\r\n`)
  return (await client.reply()).join('')
}

describe.each(['reject', 'normalize'] as const)('bare_newlines: %s', (bareNewlines) => {
  test.each(['DATA', 'BDAT'] as const)(
    "%s, rules.md: “Bare LF, bare CR, NUL and over-long lines can't end a message or start a command”",
    async (how) => {
      await using backend = await startLenientBackend()
      const config = `backend: { servers: ["${backend.url}"] }\nrelay_domains: [example.org]\nbare_newlines: ${bareNewlines}\n`
      await using app = await start({
        config: `${config}ehlo: { chunking: true }\nlimits: { errors_per_session: 10000 }`,
      })
      const client = await Client.connect(app.port)
      await client.reply()
      await client.ask('EHLO client.test')
      let taken = 0
      for (const sequence of lookAlikes[how]) {
        const seen = backend.senders.length
        const reply = await carry(client, sequence, how)
        const fresh = backend.senders.slice(seen)
        expect(fresh, JSON.stringify(sequence)).toEqual(['<carrier@example.net>'])
        expect(reply, JSON.stringify(sequence)).toMatch(/^(?:250|550) /)
        if (reply.startsWith('250')) taken++
      }
      client.close()
      expect(taken).toBeGreaterThan(0)
      expect(taken).toBeLessThan(lookAlikes[how].length)
      expect(lookAlikes[how].length).toBeGreaterThan(400)
    },
  )

  test('the true end is the end: what follows are commands of this client, with its own relay check', async () => {
    await using backend = await startLenientBackend()
    const config = `backend: { servers: ["${backend.url}"] }\nrelay_domains: [example.org]\nbare_newlines: ${bareNewlines}\n`
    await using app = await start({ config })
    const client = await Client.connect(app.port)
    await client.reply()
    await client.ask('EHLO client.test')
    client.send('MAIL FROM:<one@example.net>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n')
    for (let i = 0; i < 3; i++) await client.reply()
    client.send('hello\r\n.\r\nMAIL FROM:<two@example.net>\r\nRCPT TO:<b@elsewhere.test>\r\n')
    const replies = [await client.reply(), await client.reply(), await client.reply()].map(
      (lines) => lines[0]?.slice(0, 3),
    )
    client.close()
    expect(replies).toEqual(['250', '250', '550'])
  })

  test.each([
    ['a line start in the header', '\n.\n'],
    ['right behind DATA', '.\n'],
    ['right behind DATA, with CR', '.\r'],
    ['behind a line that is too long', `\r\n${'x'.repeat(1024 * 1024 + 1)}\n.\n`],
  ])('%s', async (_name, sequence) => {
    await using backend = await startLenientBackend()
    const config = `backend: { servers: ["${backend.url}"] }\nrelay_domains: [example.org]\nbare_newlines: ${bareNewlines}\n`
    await using app = await start({ config })
    const client = await Client.connect(app.port)
    await client.reply()
    await client.ask('EHLO client.test')
    client.send('MAIL FROM:<carrier@example.net>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n')
    for (let i = 0; i < 3; i++) await client.reply()
    client.send(`${sequence}${smuggled}`)
    await client.reply()
    client.close()
    expect(backend.senders).toEqual(['<carrier@example.net>'])
  })
})
