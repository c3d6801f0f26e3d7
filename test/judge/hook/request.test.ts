/** What a hook is asked: JSON with the text in it, of the length that was said before. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { requestAbout } from '../../../src/judge/hook/request.ts'
import type { JudgedEnvelope } from '../../../src/judge/judge.ts'
import { cut, cuts, octet } from '../../smtp/splits.ts'
import { envelope } from '../envelope.ts'
import { textOf } from '../texts.ts'

interface Asked {
  readonly context: Readonly<Record<string, unknown>>
  readonly envelope: Readonly<Record<string, unknown>>
  readonly message: Readonly<Record<string, unknown>>
}

async function asked(
  pieces: readonly Buffer[],
  form: 'contents' | 'raw' = 'contents',
  about: Partial<JudgedEnvelope> = {},
): Promise<Asked> {
  const size = pieces.reduce((sum, { length }) => sum + length, 0)
  const { body, length } = await requestAbout(
    { ...envelope, ...about },
    { text: textOf(pieces), size },
    form,
  )
  const chunks: Buffer[] = []
  for await (const chunk of body.chunks()) chunks.push(chunk)
  const octets = Buffer.concat(chunks)
  expect(octets).toHaveLength(length)
  return JSON.parse(octets.toString('utf8')) as Asked
}

const text = 'Subject: a\r\n folded\r\nX-A : b\r\n\r\nhello "you"\\\r\n'

describe('a hook is asked', () => {
  it('all that is known of the client, the envelope and the text', async () => {
    const said = await asked([octet(text)], 'contents', {
      local: '2001:db8::1 25',
      tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' },
      authenticated: true,
      parameters: new Map([
        ['SIZE', '100'],
        ['SMTPUTF8', undefined],
      ]),
      reversePath: 'j\xc3\xbcrgen@example.net',
    })
    expect(said).toEqual({
      context: {
        stage: 'data',
        client: {
          ip: '192.0.2.1',
          port: 40_000,
          ptr: 'client.test',
          helo: 'client.test',
          activeConnections: 1,
        },
        sasl: { login: 'authenticated' },
        tls: { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' },
        server: { name: 'mx.test', port: 25, ip: '2001:db8::1' },
        queue: { id: 'S1.1' },
        protocol: { version: 1 },
      },
      envelope: {
        from: { address: 'jürgen@example.net', parameters: { SIZE: '100', SMTPUTF8: '' } },
        to: [{ address: 'ann@example.org' }],
      },
      message: {
        headers: [
          ['Subject', 'a folded'],
          ['X-A', 'b'],
        ],
        serverHeaders: [],
        contents: 'hello "you"\\\r\n',
        size: text.length,
      },
    })
  })

  it('nothing that is not known', async () => {
    const client = { address: '192.0.2.1', port: 40_000, helo: '' }
    const { context } = await asked([octet(text)], 'contents', { client })
    expect(context).toMatchObject({
      client: { ptr: null, helo: null },
      server: { ip: null, port: 0 },
    })
    expect(Object.keys(context)).not.toContain('tls')
    expect(Object.keys(context)).not.toContain('sasl')
  })

  it('the raw text on request, and no contents then', async () => {
    const octets = Buffer.from([...octet(text), 0xff, 0, 0x80])
    const { message } = await asked([octets], 'raw')
    expect(Buffer.from(String(message['rawMessage']), 'base64')).toEqual(octets)
    expect(Object.keys(message)).toEqual(['headers', 'serverHeaders', 'size', 'rawMessage'])
  })

  it.each([
    ['no body', 'Subject: a\r\n', ['Subject'], ''],
    ['no header section', '\r\nhello\r\n', [], 'hello\r\n'],
    ['nothing', '', [], ''],
    [
      'a line that is no field',
      'A: b\r\nno field\r\nC: d\r\n\r\nbody',
      ['A'],
      'no field\r\nC: d\r\n\r\nbody',
    ],
  ])('of a text with %s', async (_name, written, names, contents) => {
    const { message } = await asked([octet(written)])
    expect(message['contents']).toBe(contents)
    expect((message['headers'] as string[][]).map(([name]) => name)).toEqual(names)
  })

  it('a section that is too long is cut between two fields, and nothing of it is lost', async () => {
    const written = `A: b\r\n${`X-Long: ${'x'.repeat(990)}\r\n`.repeat(300)}\r\nbody\r\n`
    const { message } = await asked([octet(written)])
    const fields = message['headers'] as string[][]
    const inFields = fields.map(([name, value]) => `${name ?? ''}: ${value ?? ''}\r\n`).join('')
    expect(inFields + String(message['contents'])).toBe(written)
  })

  it('property: any octets in any pieces, as UTF-8 or as octets', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: 'binary' })),
        cuts,
        async (body, places) => {
          const behind = Buffer.from(typeof body === 'string' ? Buffer.from(body) : body)
          const octets = Buffer.concat([octet('A: b\r\n\r\n'), behind])
          const pieces = cut(octets, places)
          expect((await asked(pieces)).message['contents']).toBe(behind.toString('utf8'))
          const { message } = await asked(pieces, 'raw')
          expect(message['rawMessage']).toBe(octets.toString('base64'))
        },
      ),
    )
  })
})
