/**
 * Any split of the octets into pieces gives the same replies and the same delivered octets: a whole
 * session against the product.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { startFakeBackend } from '../support/fake-backend.ts'
import { cut } from '../smtp/splits.ts'
import { behind, open, start } from '../support/session.ts'

const body = 'Subject: x\r\nX-Spam-Score: 9\r\n\r\n..dot\r\n.. \r\na\0b\xff\r\n'
const chunk = 'Subject: y\r\n\r\n.\r\nQUIT\r\n'
/** What is sent in one go, and how many replies it has: what may not be pipelined ends a piece. */
const session: readonly (readonly [string, number])[] = [
  [
    'NOOP\r\nMAIL FROM:<s@example.net> PRDR\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<x@elsewhere.test>\r\nDATA\r\n',
    6,
  ],
  [
    `${body}.\r\nMAIL FROM:<s@example.net>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nRSET\r\nFOO\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nBDAT 5\r\n${chunk.slice(0, 5)}BDAT ${chunk.length - 5} LAST\r\n${chunk.slice(5)}MAIL FROM:<s@example.net>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n`,
    16,
  ],
  [`bare\nlf\r\n.\r\nQUIT\r\n`, 2],
]
const recipients = '"a@example.org": tag-only\n"b@example.org": strict\n'

test('split the octets of a session anywhere', async () => {
  await using backend = await startFakeBackend()
  await using app = await start({
    recipients,
    // Who is deferred depends on what comes together, so that part is not played here.
    config: `${behind(backend)}ehlo: { chunking: true }\nreceived_header: false\npeers: [{ name: default, strategy: lenient }]`,
  })
  const run = async (cuts: readonly number[]): Promise<{ said: string[]; texts: string[] }> => {
    const before = backend.delivered.length
    const client = await open(app.port)
    const said: string[] = []
    for (const [octets, replies] of session) {
      for (const piece of cut(Buffer.from(octets, 'latin1'), cuts)) {
        client.socket.write(piece)
        await new Promise((resolve) => setImmediate(resolve))
      }
      for (let i = 0; i < replies; i++)
        said.push((await client.reply()).join('\n').replace(/queued as .*/, ''))
    }
    expect(await client.line()).toBeUndefined()
    client.close()
    return {
      said,
      texts: backend.delivered
        .slice(before)
        .map(({ text, mail }) => `${mail}\n${text.toString('latin1')}`),
    }
  }
  const whole = await run([])
  expect(whole.texts).toHaveLength(2)
  expect(whole.said.map((reply) => reply.slice(0, 3)).join(' ')).toBe(
    '250 250 250 250 550 354 353 250 550 250 250 250 250 250 500 250 250 250 250 250 250 354 550 221',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat({ max: 330 }), { minLength: 1, maxLength: 40 }),
      async (cuts) => {
        expect(await run(cuts)).toEqual(whole)
      },
    ),
    { numRuns: 60 },
  )
  // Octet by octet.
  expect(await run(Array.from({ length: 400 }, (_, i) => i))).toEqual(whole)
}, 60_000)
