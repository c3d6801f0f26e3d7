/** The client against servers that do what spamd does on a bad day. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { SpamdClient, type SpamdServer } from '../../../src/judge/spamd/client.ts'
import { type Behaviour, scannedText, type Scripted, scripted } from '../scripted-server.ts'

const parts: (() => unknown)[] = []
afterEach(async () => {
  for (const end of parts.splice(0).reverse()) await end()
})
const serve = async (behave: Behaviour, path?: string): Promise<Scripted> =>
  await scripted(behave, { ends: parts, ...(path === undefined ? {} : { path }) })

const good = 'SPAMD/1.1 0 EX_OK\r\nContent-length: 2\r\nSpam: True ; 8.0 / 5.0\r\n\r\nAB'
const found = 8
const small = scannedText(100)
const unhurried = (): AbortSignal => AbortSignal.timeout(60_000)

const clientOf = (...servers: readonly SpamdServer[]): SpamdClient =>
  new SpamdClient({
    servers,
    answerLimitBytes: 64 * 1024,
    connectTimeoutMs: 5000,
    now: () => 0,
    onChange: () => undefined,
  })

/** As spamd: it answers when the other side is closed. */
const whole =
  (answer: string): Behaviour =>
  (socket) => {
    if (socket.listenerCount('end') < 2) socket.once('end', () => socket.end(answer))
  }

describe('asking', () => {
  it('sends the text with its length and the user, and closes its side', async () => {
    const server = await serve(whole(good))
    const said = await clientOf(server).scan({ ...small, user: 'ann', signal: unhurried() })
    expect(said).toMatchObject({ score: found })
    expect(server.requests[0]).toBe(
      `SYMBOLS SPAMC/1.5\r\nContent-length: 100\r\nUser: ann\r\n\r\n${'x'.repeat(100)}`,
    )
  })

  it('over a Unix socket', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rcptwise-spamd-'))
    parts.push(async () => await rm(directory, { recursive: true }))
    const server = await serve(whole(good), join(directory, 'spamd.sock'))
    const said = await clientOf(server).scan({ ...small, signal: unhurried() })
    expect(said).toMatchObject({ score: found })
  })

  it('the next one, when the first fails', async () => {
    const [bad, fine] = [await serve((socket) => socket.destroy()), await serve(whole(good))]
    const said = await clientOf(bad, fine).scan({ ...small, signal: unhurried() })
    expect(said).toMatchObject({ score: found })
  })
})

describe('a bad day has a name', () => {
  it.each<[string, Behaviour, RegExp]>([
    ['closes at once', (socket) => socket.end(), /not as spamd does/],
    ['resets', (socket) => socket.resetAndDestroy(), /ECONNRESET|EPIPE|not as spamd does/],
    ['is a web server', whole('HTTP/1.1 400 Bad Request\r\n\r\n'), /not as spamd does/],
    ['is clamd', whole('UNKNOWN COMMAND\n'), /not as spamd does/],
    ['says half an answer', whole(good.slice(0, -1)), /cut off/],
    ['has no free child', whole('SPAMD/1.0 75 EX_TEMPFAIL busy\r\n'), /75 EX_TEMPFAIL busy/],
    ['says far too much', whole(`${good}${'x'.repeat(70_000)}`), /more than 65536 octets/],
  ])('a server that %s', async (_name, behave, failed) => {
    const said = await clientOf(await serve(behave)).scan({ ...small, signal: unhurried() })
    expect('failed' in said ? said.failed : said).toMatch(failed)
  })

  it('a server that dies in the middle of a large text', async () => {
    const server = await serve((socket, request) => {
      if (request.length > 200_000) socket.destroy()
    })
    const said = await clientOf(server).scan({ ...scannedText(20_000_000), signal: unhurried() })
    expect('failed' in said ? said.failed : said).toMatch(/EPIPE|ECONNRESET|not as spamd/)
  })

  it.each(['says nothing', 'reads nothing'])(
    'a server that %s is left when it is late',
    async (what) => {
      const server = await serve((socket) => {
        if (what === 'reads nothing') socket.pause()
      })
      const late = new Error('late')
      const stop = new AbortController()
      setTimeout(() => stop.abort(late), 200)
      const scanned = { ...scannedText(50_000_000), signal: stop.signal }
      await expect(clientOf(server).scan(scanned)).rejects.toBe(late)
    },
  )

  it.each<[string, Behaviour, RegExp | undefined]>([
    ['spamd', whole('SPAMD/1.5 0 PONG\r\n'), undefined],
    ['clamd', whole('PONG\n'), /not as spamd does/],
    ['a web server', whole('HTTP/1.1 400 Bad Request\r\n\r\n'), /not as spamd does/],
  ])('ping of %s', async (_name, behave, expected) => {
    const server = await serve(behave)
    const said = await clientOf(server).ping(server, unhurried())
    if (expected === undefined) expect(said).toBeUndefined()
    else expect(said).toMatch(expected)
  })
})
