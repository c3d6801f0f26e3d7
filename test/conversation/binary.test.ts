/**
 * BINARYMIME (RFC 3030): when it is offered, DATA refused, and what is stored is what came, by
 * hash.
 */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Client } from '../support/dialogue.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { behind, open, start, untilEnd } from '../support/session.ts'

const offers = ['PIPELINING', 'SIZE', '8BITMIME', 'CHUNKING', 'BINARYMIME']
const chunking = 'ehlo: { chunking: true }\nreceived_header: false\n'
const mail = 'MAIL FROM:<s@example.net> BODY=BINARYMIME\r\n'
const envelope = `${mail}RCPT TO:<a@example.org>\r\n`
const header = 'Subject: x\r\nContent-Transfer-Encoding: binary\r\n\r\n'
const nasty = `${header}\0\r\n.\r\n\n.\n\r.\rMAIL FROM:<evil@example.net>\r\n.\r\nDATA\r\n`

const hash = (octets: Buffer): string => createHash('sha256').update(octets).digest('hex')
const codes = (lines: readonly string[]): string[] => lines.map((line) => line.slice(0, 3))

async function ehlo(port: number): Promise<string> {
  const client = await Client.connect(port)
  await client.reply()
  const said = await client.ask('EHLO client.test')
  client.close()
  return said
}

describe('offered, known-limits.md: “Rcptwise never converts BINARYMIME.” “It offers BINARYMIME only where the mail server offers it, and refuses BODY=BINARYMIME with 555 5.5.4 otherwise.”', () => {
  test.each<[string, string, string[][], boolean]>([
    ['where CHUNKING is asked for and the server has both', chunking, [offers], true],
    ['not without ehlo.chunking', 'received_header: false\n', [offers], false],
    ['not where the server has no CHUNKING', chunking, [['PIPELINING', 'BINARYMIME']], false],
    [
      'not where one of two servers has it not',
      chunking,
      [offers, ['PIPELINING', 'CHUNKING']],
      false,
    ],
    ['where both servers have it', chunking, [offers, offers], true],
  ])('%s', async (_name, config, servers, offered) => {
    await using parts = new AsyncDisposableStack()
    const urls: string[] = []
    for (const one of servers) urls.push(parts.use(await startFakeBackend({ offers: one })).url)
    const backend = `backend: { servers: ${JSON.stringify(urls)} }\nrelay_domains: [example.org]\n`
    const app = parts.use(await start({ config: config + backend }))
    expect(/^250[- ]BINARYMIME$/m.test(await ehlo(app.port))).toBe(offered)
    const client = await open(app.port)
    expect(await client.ask(mail.trim())).toMatch(
      offered ? /^250 / : /^555 5\.5\.4 BODY=BINARYMIME was not offered here$/,
    )
    client.close()
  })
})

describe('a dialogue', () => {
  test.each<[string, string, string[], string[]]>([
    [
      'one chunk',
      `${envelope}BDAT ${nasty.length} LAST\r\n${nasty}`,
      ['250', '250', '250', '221'],
      [nasty],
    ],
    [
      'DATA is refused, and BDAT goes on',
      `${envelope}NOOP\r\nDATA\r\n`,
      ['250', '250', '250', '554'], // DATA has to end a group: QUIT stands behind it
      [],
    ],
    [
      'a bare LF in the header section',
      `${envelope}BDAT 11 LAST\r\nA: b\nC: d\r\n`,
      ['250', '250', '550', '221'],
      [],
    ],
    ['nothing at all', `${envelope}BDAT 0 LAST\r\n`, ['250', '250', '250', '221'], ['']],
  ])('%s', async (_name, octets, wanted, texts) => {
    await using backend = await startFakeBackend({ offers })
    await using app = await start({ config: chunking + behind(backend) })
    const client = await open(app.port)
    client.send(`${octets}QUIT\r\n`)
    expect(codes(await untilEnd(client))).toEqual(wanted)
    client.close()
    expect(backend.delivered.map(({ text }) => text.toString('latin1'))).toEqual(texts)
    expect(backend.lines()).not.toContain('DATA')
  })

  test('DATA hears 503, its text is dropped, and the transaction is still there for BDAT', async () => {
    await using backend = await startFakeBackend({ offers })
    await using app = await start({ config: chunking + behind(backend) })
    const client = await open(app.port)
    await client.ask(mail.trim())
    await client.ask('RCPT TO:<a@example.org>')
    expect(await client.ask('DATA')).toBe(
      '503 5.5.1 A binary text (BODY=BINARYMIME) comes by BDAT, not by DATA',
    )
    expect(await client.ask(`BDAT ${nasty.length} LAST\r\n${nasty}`.slice(0, -2))).toMatch(/^250 /)
    client.close()
    expect(backend.delivered.map(({ by, hash: got }) => [by, got])).toEqual([
      ['BDAT', hash(Buffer.from(nasty, 'latin1'))],
    ])
  })

  test('PRDR: plain and tagged, each whole and by BDAT', async () => {
    await using backend = await startFakeBackend({ offers })
    const recipients =
      '"a@example.org": tag-only\n"b@example.org": strict\n"c@example.org": careful\n'
    await using app = await start({
      config: `${chunking}spool: { memory: 0 }\n${behind(backend)}`,
      recipients,
    })
    const client = await open(app.port)
    const text = `X-Spam-Score: 5.5\r\n${nasty}`
    client.send(`${mail.trim()} PRDR\r\n`)
    for (const name of ['a', 'b', 'c']) client.send(`RCPT TO:<${name}@example.org>\r\n`)
    client.send(
      `BDAT 30\r\n${text.slice(0, 30)}BDAT ${text.length - 30} LAST\r\n${text.slice(30)}QUIT\r\n`,
    )
    const said = codes(await untilEnd(client))
    client.close()
    expect(said).toEqual(['250', '250', '250', '250', '250', '250', '221'])
    const got = backend.delivered.map(({ text: octets, by }) => [by, octets.toString('latin1')])
    expect(got.map(([by]) => by)).toEqual(['BDAT', 'BDAT'])
    for (const [, octets = ''] of got) expect(octets.endsWith(text)).toBe(true)
    expect(got.filter(([, octets = '']) => octets.startsWith('X-Spam-Flag: YES\r\n'))).toHaveLength(
      1,
    )
  })
})

describe('by hash: any octets behind a header section, in chunks cut anywhere', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets)),
    fc
      .constantFrom('\r\n.\r\n', '\n.\n', '\r', '\0', '--', 'QUIT\r\n')
      .map((text) => Buffer.from(text)),
  )
  const pieces = fc.array(piece, { minLength: 1, maxLength: 6 })

  /** Sends each piece as a chunk of its own, all in one write. */
  async function sendPieces(client: Client, chunks: readonly Buffer[]): Promise<string[]> {
    client.send(envelope)
    const all = [Buffer.from(header), ...chunks]
    for (const [i, chunk] of all.entries()) {
      client.send(`BDAT ${chunk.length}${i === chunks.length ? ' LAST' : ''}\r\n`)
      client.socket.write(chunk)
    }
    const said: string[] = []
    for (let left = all.length + 2; left > 0; left--) said.push(...(await client.reply()))
    return codes(said)
  }

  test.each([
    ['memory', ''],
    ['a file', 'spool: { memory: 0 }\n'],
  ])('through %s to a server', async (_name, config) => {
    await using backend = await startFakeBackend({ offers })
    await using app = await start({ config: chunking + config + behind(backend) })
    const client = await open(app.port)
    await fc.assert(
      fc.asyncProperty(pieces, async (chunks) => {
        expect(new Set(await sendPieces(client, chunks))).toEqual(new Set(['250']))
        expect(backend.delivered.at(-1)?.hash).toBe(
          hash(Buffer.concat([Buffer.from(header), ...chunks])),
        )
      }),
      { numRuns: 40 },
    )
    client.close()
    expect(backend.lines()).not.toContain('DATA')
  })

  test('to the sink', async () => {
    await using app = await start({ config: chunking })
    const client = await open(app.port)
    const sent: string[] = []
    await fc.assert(
      fc.asyncProperty(pieces, async (chunks) => {
        expect(new Set(await sendPieces(client, chunks))).toEqual(new Set(['250']))
        sent.push(hash(Buffer.concat([Buffer.from(header), ...chunks])))
      }),
      { numRuns: 25 },
    )
    client.close()
    const kept = (await app.mail('a@example.org')).map((text) =>
      hash(Buffer.from(text.slice(text.indexOf(header)), 'latin1')),
    )
    expect(kept.sort()).toEqual(sent.sort())
  })
})
