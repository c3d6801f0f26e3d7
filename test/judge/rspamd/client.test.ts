/** The client against servers that do what a scanner does on a bad day. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type Behaviour, scannedText as text, type Scripted, scripted } from '../scripted-server.ts'
import { breakerLimits } from '../../../src/judge/breaker.ts'
import { RspamdClient, type RspamdServer } from '../../../src/judge/rspamd/client.ts'

const parts: (() => unknown)[] = []
afterEach(async () => {
  for (const end of parts.splice(0).reverse()) await end()
})

const good = '{"score":1,"action":"no action"}'
const http = (status: string, body: string, length = body.length): string =>
  `HTTP/1.1 ${status}\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n${body}`

const serve = async (behave: Behaviour, path?: string): Promise<Scripted> =>
  await scripted(behave, { ends: parts, ...(path === undefined ? {} : { path }) })

/** Answers when the whole request is there. */
const answering =
  (answer: string): Behaviour =>
  (socket, request) => {
    if (request.endsWith('x') || request.startsWith('GET')) socket.end(answer)
  }

const small = text(100)
const question = { fields: [['From', '<a@example.net>']] as const, leftOut: [] }

interface Change {
  readonly server: string
  readonly down?: string
}

function clientOf(servers: readonly RspamdServer[], now = () => 0, password?: string) {
  const changes: Change[] = []
  const client = new RspamdClient({
    servers,
    answerLimitBytes: 64 * 1024,
    connectTimeoutMs: 5000,
    now,
    onChange: (change) => changes.push(change),
    ...(password === undefined ? {} : { password }),
  })
  return { client, changes }
}

const unhurried = (): AbortSignal => AbortSignal.timeout(60_000)

describe('asking', () => {
  it('sends the text as it is, with what is known, on a connection of its own', async () => {
    const server = await serve(answering(http('200 OK', good)))
    const { client } = clientOf([server], undefined, 'secret')
    expect(await client.scan(question, { ...small, signal: unhurried() })).toEqual({
      body: Buffer.from(good),
    })
    expect(server.requests[0]).toMatch(/^POST \/checkv2 HTTP\/1.1\r\n/)
    expect(server.requests[0]).toContain('From: <a@example.net>\r\n')
    expect(server.requests[0]).toContain('Password: secret\r\n')
    expect(server.requests[0]).toContain('x'.repeat(100))
  })

  it('over a Unix socket', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rcptwise-rspamd-'))
    parts.push(async () => await rm(directory, { recursive: true }))
    const server = await serve(answering(http('200 OK', good)), join(directory, 'rspamd.sock'))
    const { client } = clientOf([server])
    expect(await client.scan(question, { ...small, signal: unhurried() })).toEqual({
      body: Buffer.from(good),
    })
  })
})

describe('a bad day has a name', () => {
  it.each<[string, Behaviour, RegExp]>([
    ['closes at once', (socket) => socket.end(), /without an answer|hang up|ECONNRESET/],
    ['resets', (socket) => socket.resetAndDestroy(), /ECONNRESET|EPIPE/],
    ['is no HTTP (clamd)', (socket) => socket.end('PONG\n'), /speak HTTP|EPIPE|ECONNRESET/],
    [
      'is a milter',
      (socket) => socket.end(Buffer.from([0, 0, 0, 13, 79])),
      /speak HTTP|EPIPE|ECONNRESET/,
    ],
    [
      'says half an answer',
      answering(http('200 OK', good.slice(0, 9), 99)),
      /within its answer|ECONNRESET/,
    ],
    [
      'is not allowed',
      answering(http('401 Unauthorized', '{"error":"Unauthorized"}')),
      /HTTP 401 Unauthorized/,
    ],
    [
      'has trouble',
      answering(http('503 x', '{"error":"cannot process"}')),
      /HTTP 503 cannot process/,
    ],
    [
      'is another program',
      answering(http('404 Not Found', '<html>\r\n<b>no</b>')),
      /HTTP 404 <html> <b>no/,
    ],
    [
      'sends elsewhere',
      answering('HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n'),
      /HTTP 302/,
    ],
    ['says far too much', answering(http('200 OK', 'x'.repeat(65_537))), /more than 65536 octets/],
    [
      'says too much, and never how much',
      (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(70_000)}`),
      /more than 65536 octets/,
    ],
  ])('a server that %s', async (_name, behave, failed) => {
    const { client } = clientOf([await serve(behave)])
    const said = await client.scan(question, { ...small, signal: unhurried() })
    expect('failed' in said ? said.failed : '').toMatch(failed)
  })

  it('a server that dies in the middle of a large text', async () => {
    const { client } = clientOf([
      await serve((socket, request) => {
        if (request.length > 200_000) socket.destroy()
      }),
    ])
    const said = await client.scan(question, { ...text(20_000_000), signal: unhurried() })
    expect('failed' in said ? said.failed : '').toMatch(
      /EPIPE|ECONNRESET|without an answer|hang up/,
    )
  })

  it('a server that answers before it has read the text', async () => {
    const server = await serve((socket) => socket.end(http('503 x', '{"error":"busy"}')))
    const { client } = clientOf([server])
    const said = await client.scan(question, { ...text(20_000_000), signal: unhurried() })
    expect('failed' in said ? said.failed : '').toMatch(/HTTP 503 busy|EPIPE|ECONNRESET/)
  })

  it.each(['says nothing', 'reads nothing'])(
    'a server that %s is left when it is late',
    async (what) => {
      const server = await serve((socket) => {
        if (what === 'reads nothing') socket.pause()
      })
      const { client } = clientOf([server])
      const late = new Error('late')
      const stop = new AbortController()
      setTimeout(() => stop.abort(late), 200)
      await expect(
        client.scan(question, { ...text(50_000_000), signal: stop.signal }),
      ).rejects.toBe(late)
    },
  )

  it('nobody listens', async () => {
    const server = await serve(answering(good))
    await parts.pop()?.()
    const { client } = clientOf([server])
    expect(await client.scan(question, { ...small, signal: unhurried() })).toEqual({
      failed: expect.stringContaining('ECONNREFUSED') as string,
    })
  })
})

describe('several servers', () => {
  it('the next one is asked, with the whole text, when the first fails', async () => {
    const first = await serve((socket) => socket.destroy())
    const second = await serve(answering(http('200 OK', good)))
    const { client } = clientOf([first, second])
    expect(await client.scan(question, { ...small, signal: unhurried() })).toEqual({
      body: Buffer.from(good),
    })
    expect(second.requests[0]).toContain('x'.repeat(100))
  })

  it('one that is down is not asked for a while, and again when its time has come', async () => {
    let now = 0
    const first = await serve((socket) => socket.destroy())
    const second = await serve(answering(http('200 OK', good)))
    const { client, changes } = clientOf([first, second], () => now)
    for (let i = 0; i < 10; i++) await client.scan(question, { ...small, signal: unhurried() })
    expect(first.requests).toHaveLength(breakerLimits.failures)
    expect(client.trouble()).toBeUndefined()
    first.behave = answering(http('200 OK', good))
    now = breakerLimits.firstPauseMs
    await client.scan(question, { ...small, signal: unhurried() })
    expect(first.requests).toHaveLength(breakerLimits.failures + 1)
    expect(changes).toEqual([
      { server: new URL(first.url).host, down: expect.any(String) as string },
      { server: new URL(first.url).host },
    ])
  })

  it('all down: it says so at once, and who', async () => {
    const only = await serve((socket) => socket.destroy())
    const { client } = clientOf([only])
    for (let i = 0; i < breakerLimits.failures; i++)
      await client.scan(question, { ...small, signal: unhurried() })
    expect(await client.scan(question, { ...small, signal: unhurried() })).toEqual({
      failed: 'no server can be asked',
    })
    expect(client.trouble()).toContain(new URL(only.url).host)
  })
})

describe('a server that hangs', () => {
  const hanging: Behaviour = () => undefined
  const ask = async (client: RspamdClient, end: (stop: AbortController) => void): Promise<void> => {
    const stop = new AbortController()
    setTimeout(() => end(stop), 50)
    await client.scan(question, { ...small, signal: stop.signal }).catch(() => undefined)
  }

  it('is down when it was too slow several times', async () => {
    const { client } = clientOf([await serve(hanging)])
    for (let i = 0; i < breakerLimits.failures; i++)
      await ask(client, (stop) => stop.abort(new Error('too slow')))
    expect(client.trouble()).toMatch(/down/)
  })

  it('is not down because nobody wanted to know any more: another judge has refused', async () => {
    const { client } = clientOf([await serve(hanging)])
    for (let i = 0; i < 2 * breakerLimits.failures; i++) await ask(client, (stop) => stop.abort())
    expect(client.trouble()).toBeUndefined()
  })
})

describe('ping', () => {
  it.each<[string, Behaviour, RegExp | undefined]>([
    ['rspamd', (socket) => socket.end(http('200 OK', 'pong\r\n')), undefined],
    [
      'a web server',
      (socket) => socket.end(http('200 OK', '<html>')),
      /not as rspamd does \(HTTP 200\)/,
    ],
    [
      'a proxy worker of rspamd',
      (socket) =>
        socket.end(
          'HTTP/1.1 200 OK\r\nserver: rspamd/3.4 (milter mode)\r\ncontent-length: 6\r\n\r\npong\r\n',
        ),
      /normal worker \(port 11333\)/,
    ],
    ['a milter or clamd', (socket) => socket.end('PONG\n'), /speak HTTP/],
  ])('%s', async (_name, behave, expected) => {
    const server = await serve(behave)
    const said = await clientOf([server]).client.ping(server, unhurried())
    if (expected === undefined) expect(said).toBeUndefined()
    else expect(said).toMatch(expected)
  })
})
