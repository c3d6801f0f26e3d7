/** A hook on good and bad days, over HTTP as it comes. */
import { createServer } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { breakerLimits } from '../../../src/judge/breaker.ts'
import { type HookOptions, hookJudge } from '../../../src/judge/hook/hook.ts'
import type { Judge, JudgedRecipient } from '../../../src/judge/judge.ts'
import { mostEdits } from '../../../src/message/edits.ts'
import type { TextSource } from '../../../src/message/text-source.ts'
import type { Judgement } from '../../../src/verdict/judgement.ts'
import { envelope } from '../envelope.ts'
import { type Behaviour, scannedText, type Scripted, scripted } from '../scripted-server.ts'

const parts: (() => unknown)[] = []
afterEach(async () => {
  for (const end of parts.splice(0).reverse()) await end()
})

const http = (status: string, body: string, length = Buffer.byteLength(body)): string =>
  `HTTP/1.1 ${status}\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n${body}`
const accept = '{"action":"accept"}'

const serve = async (behave: Behaviour, path?: string): Promise<Scripted> =>
  await scripted(behave, { ends: parts, ...(path === undefined ? {} : { path }) })

/** Answers when the whole request is there. */
const answering =
  (answer: string): Behaviour =>
  (socket, request) => {
    if (request.endsWith('"}}')) socket.end(answer)
  }

interface Opened {
  readonly judge: Judge
  readonly leftOut: string[]
}

function open(servers: readonly Scripted[], options: Partial<HookOptions> = {}): Opened {
  const leftOut: string[] = []
  const judge = hookJudge({
    name: 'hook',
    servers: servers.map(({ url, socketPath }) => ({
      url: `${url}/hook`,
      ...(socketPath === undefined ? {} : { socketPath }),
    })),
    text: 'contents',
    maxSizeBytes: 1e9,
    atATime: 10,
    answerLimitBytes: 64 * 1024,
    connectTimeoutMs: 5000,
    now: () => 0,
    onChange: () => undefined,
    onLeftOut: (transaction, what) => leftOut.push(`${transaction}: ${what}`),
    ...options,
  })
  parts.push(async () => await judge.close())
  return { judge, leftOut }
}

const patient = (): AbortSignal => AbortSignal.timeout(60_000)

async function ask(
  { judge }: Opened,
  text: TextSource = scannedText(100).text,
  recipients: readonly JudgedRecipient[] = envelope.recipients,
  signal = patient(),
): Promise<Judgement> {
  const judging = judge.message({ ...envelope, recipients })
  if (judging.way !== 'reads') throw new Error('it reads by itself')
  return await judging.judge(text, signal)
}

const failed = (judgement: Judgement): string =>
  judgement.kind === 'failed' ? judgement.why : judgement.kind

describe('asking', () => {
  it('one POST a message, to the path of the URL', async () => {
    const server = await serve(answering(http('200 OK', accept)))
    expect(await ask(open([server]))).toEqual({ kind: 'silent' })
    expect(server.requests).toHaveLength(1)
    expect(server.requests[0]).toMatch(/^POST \/hook HTTP\/1.1\r\n/)
    expect(server.requests[0]).toMatch(/^Content-Type: application\/json\r$/m)
    expect(server.requests[0]).not.toContain('Authorization')
  })

  it.each([
    [{ token: 's3cret' }, 'Authorization: Bearer s3cret\r\n'],
    [{ user: 'mx', password: 's3:cret' }, 'Authorization: Basic bXg6czM6Y3JldA==\r\n'],
  ])('with credentials', async (credentials, field) => {
    const server = await serve(answering(http('200 OK', accept)))
    await ask(open([server], { credentials }))
    expect(server.requests[0]).toContain(field)
  })

  it('over a Unix socket', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rcptwise-hook-'))
    parts.push(async () => await rm(directory, { recursive: true }))
    const server = await serve(answering(http('200 OK', accept)), join(directory, 'hook.sock'))
    expect(await ask(open([server]))).toEqual({ kind: 'silent' })
  })

  it('nothing of a text above max_size', async () => {
    const server = await serve(answering(http('200 OK', accept)))
    expect(await ask(open([server], { maxSizeBytes: 99 }))).toEqual({
      kind: 'silent',
      why: 'the message has more than 99 octets (max_size)',
    })
    expect(server.requests).toEqual([])
  })

  it('any status of success will do', async () => {
    const server = await serve(answering(http('201 Created', accept)))
    expect(await ask(open([server]))).toEqual({ kind: 'silent' })
  })
})

const two: readonly JudgedRecipient[] = [
  { index: 0, address: 'Ann@y.example', group: 'a' },
  { index: 2, address: 'bob@y.example', group: 'a' },
]

describe('what it says', () => {
  const reject = { action: 'reject', response: { status: 550, message: 'no' } }
  const refused = { verdict: 'reject', reply: { code: 550, detail: '7.1', lines: ['no'] } }

  it.each<[string, object, object]>([
    ['of all', reject, { opinion: refused }],
    [
      'of one, written as it was asked',
      { action: 'accept', recipients: { 'Ann@y.example': reject } },
      {
        own: new Map([
          [0, { opinion: refused }],
          [2, {}],
        ]),
      },
    ],
    [
      'of one, written in lower case',
      { action: 'accept', recipients: { 'ann@y.example': reject } },
      {
        own: new Map([
          [0, { opinion: refused }],
          [2, {}],
        ]),
      },
    ],
    [
      'of all but one',
      { ...reject, recipients: { 'bob@y.example': { action: 'accept' } } },
      {
        own: new Map([
          [0, { opinion: refused }],
          [2, {}],
        ]),
      },
    ],
    [
      'of somebody else: it counts for nobody',
      { ...reject, recipients: { 'cat@y.example': { action: 'accept' } } },
      { opinion: refused },
    ],
  ])('%s', async (_name, answer, expected) => {
    const server = await serve(answering(http('200 OK', JSON.stringify(answer))))
    expect(await ask(open([server]), undefined, two)).toEqual({
      kind: 'judged',
      symbols: [],
      ...expected,
    })
  })

  const answers = async (modifications: readonly object[]): Promise<[Judgement, string[]]> => {
    const body = JSON.stringify({ action: 'accept', modifications })
    const opened = open([await serve(answering(http('200 OK', body)))], { answerLimitBytes: 1e9 })
    return [await ask(opened), opened.leftOut]
  }
  const good = { type: 'addHeader', name: 'X-Good', value: 'yes' }

  it.each<[string, object]>([
    ['a header field of 1 MB', { ...good, value: 'x'.repeat(1e6) }],
    ['NUL in a value', { ...good, value: 'a\0b' }],
    ['no name of a field', { ...good, name: 'Bcc: x\r\nX' }],
    ['no place', { type: 'insertHeader', index: -1, name: 'X-A', value: 'b' }],
    ['no number', { type: 'changeHeader', index: 0.5, name: 'X-A', value: 'b' }],
  ])('%s costs no other change, and is told in one line', async (_name, bad) => {
    const [found, leftOut] = await answers([good, bad])
    expect(found).toMatchObject({ edits: { list: [{ name: 'X-Good' }] } })
    expect(leftOut).toEqual([
      expect.stringMatching(/^S1.1: 1 of 2 changes can't be made: /) as string,
    ])
  })

  it('what it can not have is one line', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({ type: `t${i}`, value: 'x' }))
    const [found, leftOut] = await answers(many)
    expect(found).toEqual({ kind: 'silent' })
    expect(leftOut).toHaveLength(1)
    expect(leftOut[0]).toMatch(/^S1.1: not done: t0, t1, /)
    expect(leftOut[0]?.length).toBeLessThan(100)
  })

  it('contents that can not take the place of those of a message: the hook has failed', async () => {
    const [found] = await answers([{ type: 'replaceContents', value: 'a\0' }])
    expect(found).toEqual({ kind: 'failed', why: expect.any(String) as string })
  })

  it('contents count although a thousand fields stand before them', async () => {
    const [found] = await answers([
      ...Array.from({ length: 2 * mostEdits }, () => good),
      { type: 'replaceContents', value: 'clean' },
    ])
    const edits = found.kind === 'judged' ? (found.edits?.list ?? []) : []
    expect(edits.filter((edit) => edit.do === 'replaceBody')).toHaveLength(1)
  })
})

describe('a bad day has a name', () => {
  it.each<[string, Behaviour, RegExp]>([
    ['closes at once', (socket) => socket.end(), /without an answer|hang up|ECONNRESET/],
    ['resets', (socket) => socket.resetAndDestroy(), /ECONNRESET|EPIPE/],
    ['is no HTTP (clamd)', (socket) => socket.end('PONG\n'), /speak HTTP|EPIPE|ECONNRESET/],
    ['says half an answer', answering(http('200 OK', '{"act', 99)), /within its answer|ECONNRESET/],
    ['says half an answer and no more', answering(http('200 OK', '{"act')), /no JSON/],
    ['says nothing', answering(http('204 No Content', '')), /no JSON/],
    ['wants to know who asks', answering(http('401 x', 'who?')), /HTTP 401 who\?/],
    ['has trouble', answering(http('500 x', '{"error":"it is broken"}')), /HTTP 500 it is broken/],
    ['is a web server', answering(http('200 OK', '<html>')), /no JSON/],
    [
      'sends elsewhere',
      answering('HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n'),
      /HTTP 302/,
    ],
    ['says deep nonsense', answering(http('200 OK', '['.repeat(60_000))), /no JSON/],
    [
      'says 64 MiB',
      (socket) => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${64 * 1024 * 1024}\r\n\r\n`)
        const chunk = Buffer.alloc(64 * 1024, 'x')
        const more = (): void => {
          while (!socket.destroyed && socket.write(chunk)) continue
        }
        socket.on('drain', more)
        more()
      },
      /more than 65536 octets/,
    ],
  ])('a hook that %s', async (_name, behave, why) => {
    expect(failed(await ask(open([await serve(behave)])))).toMatch(why)
  })

  it.each(['says nothing', 'reads nothing'])(
    'a hook that %s is left when it is late',
    async (what) => {
      const server = await serve((socket) => {
        if (what === 'reads nothing') socket.pause()
      })
      const opened = open([server])
      const late = new Error('late')
      const stop = new AbortController()
      setTimeout(() => stop.abort(late), 200)
      await expect(
        ask(opened, scannedText(20_000_000).text, envelope.recipients, stop.signal),
      ).rejects.toBe(late)
    },
  )

  it('one that dies in the middle of a text', async () => {
    const server = await serve((socket, request) => {
      if (request.length > 200_000) socket.destroy()
    })
    expect(failed(await ask(open([server]), scannedText(20_000_000).text))).toMatch(
      /EPIPE|ECONNRESET|without an answer|hang up/,
    )
  })

  it('the next one is asked, with the whole text, and one that is down is left alone', async () => {
    const first = await serve((socket) => socket.destroy())
    const second = await serve(answering(http('200 OK', accept)))
    const opened = open([first, second])
    for (let i = 0; i < 2 * breakerLimits.failures; i++)
      expect(await ask(opened)).toEqual({ kind: 'silent' })
    expect(first.requests).toHaveLength(breakerLimits.failures)
    expect(second.requests[0]).toContain('x'.repeat(100))
  })
})

describe('check', () => {
  it.each<[string, Behaviour, RegExp | undefined]>([
    ['a hook', answering(http('200 OK', '{"action":"reject"}')), undefined],
    ['a web server', answering(http('200 OK', '<html>')), /not as a hook does: .* no JSON/],
    ['another path', answering(http('404 Not Found', '')), /not as a hook does \(HTTP 404\)/],
    [
      'no credentials',
      answering(http('401 x', '')),
      /HTTP 401\); see judges\[\]\.hook\.token_file/,
    ],
    ['rspamd', answering(http('200 OK', '{"score":1}')), /not as a hook does: .* no action/],
    ['a milter or clamd', (socket) => socket.end('PONG\n'), /speak HTTP|EPIPE|ECONNRESET/],
  ])('%s', async (_name, behave, expected) => {
    const said = await open([await serve(behave)]).judge.check()
    if (expected === undefined) expect(said).toBeUndefined()
    else expect(said).toMatch(expected)
  })

  it('nobody there', async () => {
    const server = await serve(answering(accept))
    await parts.pop()?.()
    expect(await open([server]).judge.check()).toMatch(
      /does not answer \(ECONNREFUSED\); is it running, and does it listen there \(judges\[\]\.hook\.url\)/,
    )
  })

  it('a mail server', async () => {
    const server = createServer()
    server.on('connection', (socket) => socket.end('220 mx.test ESMTP\r\n'))
    server.listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    parts.push(() => server.close())
    const address = server.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    const judge = open([], { servers: [{ url: `http://127.0.0.1:${port}/` }] }).judge
    expect(await judge.check()).toMatch(/speak HTTP|EPIPE|ECONNRESET/)
  })
})
