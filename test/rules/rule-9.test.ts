/**
 * Bytes pass unchanged, but for headers that the configuration adds; nothing but CRLF.CRLF ends a
 * text, nothing but CRLF a command.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FakeBackend, startFakeBackend } from '../support/fake-backend.ts'
import type { Client } from '../support/dialogue.ts'
import { behind, open, start } from '../support/session.ts'
import type { TestApp } from '../support/app.ts'
import { octet } from '../smtp/splits.ts'

describe('rules.md: “Bytes pass unchanged, but for header fields that Rcptwise adds in front.” “Your server always gets CRLF lines, which Rcptwise has dot-stuffed anew.”', () => {
  let backend: FakeBackend
  let app: TestApp
  let client: Client
  beforeAll(async () => {
    backend = await startFakeBackend()
    // A small spool: some texts go through a file.
    const config = `${behind(backend)}received_header: false\nspool: { memory: 200 }\nehlo: { chunking: true }\n`
    app = await start({ config })
    client = await open(app.port)
  })
  afterAll(async () => {
    client.close()
    await app[Symbol.asyncDispose]()
    await backend[Symbol.asyncDispose]()
  })

  async function pass(text: string, how: 'DATA' | 'BDAT'): Promise<string | undefined> {
    client.send('MAIL FROM:<s@example.net>\r\nRCPT TO:<a@example.org>\r\n')
    await client.reply()
    await client.reply()
    if (how === 'DATA') {
      await client.ask('DATA')
      client.send(`${text.replace(/^\./gm, '..')}.\r\n`)
    } else client.send(`BDAT ${text.length} LAST\r\n${text}`)
    const [reply = ''] = await client.reply()
    expect(reply).toMatch(/^250/)
    return backend.delivered.at(-1)?.text.toString('latin1')
  }

  const line = fc
    .array(
      fc.constantFrom('.', '..', 'a', ' ', '\t', '\xe9\xff', 'From ', '\x01', 'x'.repeat(90)),
      { maxLength: 6 },
    )
    .map((parts) => `${parts.join('')}\r\n`)
  test.each(['DATA', 'BDAT'] as const)('%s: any text of CRLF lines', async (how) => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
        expect(await pass(lines.join(''), how)).toBe(lines.join(''))
      }),
      { numRuns: 80 },
    )
  })

  test('rules.md: “If the last line of a BDAT text has no CRLF, Rcptwise adds one.”', async () => {
    expect(await pass('hello', 'BDAT')).toBe('hello\r\n')
  })

  test('every octet but CR, LF, and NUL at a line start', async () => {
    const octets = Array.from({ length: 256 }, (_, code) => code).filter(
      (code) => code !== 10 && code !== 13,
    )
    const text = `x${String.fromCharCode(...octets)}\r\n`
    expect(octet(text)).toHaveLength(257)
    expect(await pass(text, 'DATA')).toBe(text)
  })
})

test('rules.md: “header fields that Rcptwise adds in front.” Nothing else is touched', async () => {
  await using backend = await startFakeBackend()
  await using app = await start({
    config: behind(backend),
    recipients: '"a@example.org": tag-only\n',
  })
  const client = await open(app.port)
  client.send('MAIL FROM:<s@example.net>\r\nRCPT TO:<a@example.org>\r\n')
  await client.reply()
  await client.reply()
  await client.ask('DATA')
  const text = 'X-Spam-Score: 9\r\n\r\nhello\r\n'
  client.send(`${text}.\r\n`)
  await client.reply()
  client.close()
  const sent = backend.delivered[0]?.text.toString('latin1') ?? ''
  expect(sent.endsWith(text)).toBe(true)
  expect(sent.slice(0, -text.length)).toMatch(
    /^Received: from client\.test \(\[127\.0\.0\.1\]\)\r\n\tby mx\.test [^\r\n]*;\r\n\t[^\r\n]*\r\nX-Spam-Flag: YES\r\nX-Spam-Score: 9\r\nX-Rcptwise-Verdict: tag\r\n$/,
  )
})

test.each([
  ['remove', 'Subject: x\r\n\r\nhello\r\n'],
  ['keep', 'X-Spam-Flag: NO\r\nSubject: x\r\n\r\nhello\r\n'],
])(
  'rules.md: “Rcptwise removes header fields of strangers that only your filters may write (foreign_fields, see judges.md).” foreign_fields: %s',
  async (foreignFields, arrives) => {
    await using backend = await startFakeBackend()
    await using app = await start({
      config: `${behind(backend)}judges: []\nforeign_fields: ${foreignFields}\n`,
    })
    const client = await open(app.port)
    client.send('MAIL FROM:<s@example.net>\r\nRCPT TO:<a@example.org>\r\n')
    await client.reply()
    await client.reply()
    await client.ask('DATA')
    client.send('X-Spam-Flag: NO\r\nSubject: x\r\n\r\nhello\r\n.\r\n')
    await client.reply()
    client.close()
    const sent = backend.delivered[0]?.text.toString('latin1') ?? ''
    expect(sent.replace(/^Received: [^]*?\r\n(?=\S)/, '')).toBe(arrives)
  },
)
