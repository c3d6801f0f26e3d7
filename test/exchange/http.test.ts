/** A question over HTTP on a connection of its own, against Node's server and against octets. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { HttpClient, type HttpQuestion } from '../../src/exchange/http.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

interface Heard {
  readonly request: IncomingMessage
  readonly body: Buffer
}

/** Keeps what it is asked, and says `pong`. */
async function nodeServer(): Promise<{ readonly url: string; readonly heard: Heard[] }> {
  const heard: Heard[] = []
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      heard.push({ request, body })
      response.end('pong')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/own?path`, heard }
}

async function octetServer(answer: (socket: Socket) => void): Promise<string> {
  const server = createTcp((socket) => {
    socket.on('error', () => undefined)
    ends.push(() => socket.destroy())
    answer(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const question = (more: Partial<HttpQuestion> = {}): HttpQuestion => ({
  method: 'POST',
  fields: [['X-Any', 'caf\xe9']],
  answerLimitBytes: 1000,
  connectTimeoutMs: 5000,
  signal: new AbortController().signal,
  ...more,
})

const pieces = [Buffer.from('one '), Buffer.alloc(0), Buffer.alloc(200_000, 'x'), Buffer.from('.')]
const all = Buffer.concat(pieces)
const slow = {
  async *chunks() {
    for (const piece of pieces) yield await Promise.resolve(piece)
  },
}

describe('a text reaches the server as it is', () => {
  it.each<[string, HttpQuestion['body'], Buffer]>([
    [
      'small, in one piece',
      { text: { ...slow, whole: () => [Buffer.from('ab'), Buffer.from('c')] }, size: 3 },
      Buffer.from('abc'),
    ],
    ['large, from memory', { text: { ...slow, whole: () => pieces }, size: all.length }, all],
    [
      'in pieces, of a known size',
      { text: { ...slow, whole: () => undefined }, size: all.length },
      all,
    ],
    ['in pieces, of a size that its end tells', { text: slow }, all],
    ['none', undefined, Buffer.alloc(0)],
  ])('%s', async (_name, body, expected) => {
    const { url, heard } = await nodeServer()
    const said = await new HttpClient({ url }).ask(
      question({ ...(body === undefined ? {} : { body }) }),
    )
    expect(said).toMatchObject({ status: 200, body: Buffer.from('pong') })
    expect(heard[0]?.body.equals(expected)).toBe(true)
    const { request } = heard[0] ?? {}
    expect(request?.url).toBe('/own?path')
    expect(request?.headers).toMatchObject({
      'x-any': 'caf\xe9',
      connection: 'close',
      host: new URL(url).host,
    })
  })
})

it('an answer in single octets is the same answer', async () => {
  const url = await octetServer((socket) => {
    void (async () => {
      socket.setNoDelay()
      for (const octets of 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n') {
        socket.write(octets)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
  })
  expect(await new HttpClient({ url }).ask(question())).toMatchObject({
    status: 200,
    body: Buffer.from('ok'),
  })
})

it('a field that HTTP can not say is not sent, nor is anything else', async () => {
  let connections = 0
  const url = await octetServer(() => connections++)
  expect(await new HttpClient({ url }).ask(question({ fields: [['Password', 'a\nb']] }))).toEqual({
    failed: "HTTP can't say the value of Password",
  })
  expect(connections).toBe(0)
})

it('a text that breaks off is a failure in its words', async () => {
  const { url } = await nodeServer()
  const broken = {
    async *chunks() {
      yield await Promise.resolve(Buffer.from('x'))
      throw new Error('the text is not complete')
    },
  }
  expect(await new HttpClient({ url }).ask(question({ body: { text: broken, size: 9 } }))).toEqual({
    failed: 'the text is not complete',
  })
})

it('the signal ends it, before and while it waits, and the connection is closed', async () => {
  const closed = Promise.withResolvers<undefined>()
  const url = await octetServer((socket) => {
    socket.resume()
    socket.once('close', () => closed.resolve(undefined))
  })
  const late = new Error('late')
  const before = question({ signal: AbortSignal.abort(late) })
  expect(await new HttpClient({ url }).ask(before)).toEqual({ failed: 'late' })
  const stop = new AbortController()
  setTimeout(() => stop.abort(late), 50)
  expect(await new HttpClient({ url }).ask(question({ signal: stop.signal }))).toEqual({
    failed: 'late',
  })
  await closed.promise
})
