/**
 * SIGTERM where somebody is stuck, at each place where one can be: the program ends all the same,
 * once `timeouts.shutdown` is over, and nobody has heard 250 for what was not taken.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Client } from '../support/dialogue.ts'
import { startFakeBackend, type Rule } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import { Home, type Served } from './serve.ts'

const never = new Promise<void>(() => undefined)
const rcpt = 'RCPT TO:<a@example.org>'
const envelope = ['EHLO client.test', 'MAIL FROM:<s@x.test>', rcpt, 'DATA']
const text = `Subject: x\r\n\r\n${'hello\r\n'.repeat(20_000)}.\r\n`

/** Says the lines, each once the one before is answered, and then what it waits for no answer to. */
async function say(served: Served, lines: readonly string[] = [], more = ''): Promise<Client> {
  const client = await Client.connect(served.listeningPort)
  await client.reply()
  for (const line of lines) await client.ask(line)
  client.send(more)
  return client
}

/** Takes connections, reads, and never says anything. */
async function silentServer(): Promise<AsyncDisposable & { readonly port: number; met: number }> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    silent.met++
    sockets.add(socket.on('error', () => undefined))
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const silent = {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    met: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return silent
}

const whole = async (served: Served): Promise<Client> => await say(served, envelope, text)
const early = async (served: Served): Promise<Client> =>
  await say(served, envelope.slice(0, 2), `${rcpt}\r\n`)

/** Each of them stays as it is. */
const clients: readonly ((served: Served) => Promise<Client>)[] = [
  // That has said nothing, or a part of a command.
  async (served) => await say(served),
  async (served) => await say(served, [], 'EHLO clie'),
  // In the middle of a text, and of a chunk.
  async (served) => await say(served, envelope, text.slice(0, 50_000)),
  async (served) => await say(served, envelope.slice(0, 3), 'BDAT 1000 LAST\r\nhalf of it'),
  // That reads nothing.
  async (served) => {
    const client = await Client.connect(served.listeningPort)
    client.socket.pause()
    client.send('EHLO client.test\r\n'.repeat(20_000))
    return client
  },
  // Within its handshake of TLS.
  async (served) => await say(served, ['EHLO client.test', 'STARTTLS']),
]

/** Where the server behind says nothing any more, and what the client has said then. */
const behind: readonly (readonly [Rule, (served: Served) => Promise<Client>])[] = [
  [{ on: 'connect', silent: true }, early],
  [{ on: 'EHLO', silent: true }, early],
  [{ on: 'MAIL', silent: true }, early],
  [{ on: 'RCPT', silent: true }, early],
  [{ on: 'DATA', silent: true }, whole],
  [{ on: 'octets', octets: 1, hold: never }, whole],
  [{ on: 'dot', silent: true }, whole],
]

const config = 'timeouts: { shutdown: 500ms, reply: 5m }'

async function endsInTime(served: Served, stuck: readonly Client[]): Promise<void> {
  served.signal('SIGTERM')
  expect(await served.ending(), served.output).toBe(0)
  expect(served.events('stopped')).toHaveLength(1)
  for (const client of stuck) {
    client.socket.resume()
    const told: string[] = []
    for (let line = await client.line(); line !== undefined; line = await client.line())
      told.push(line)
    expect(told.join('\n')).not.toMatch(/^250 2\.0\.0/m)
    client.close()
  }
}

describe('known-limits.md: “Rcptwise breaks off what is not done after timeouts.shutdown (30 s); those senders come again.” wherever it is stuck', () => {
  test('clients, at each place of a session, in two workers', async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const served = await home.serve({ backendUrl: backend.url, workers: 2, config })
    const stuck: Client[] = []
    for (const begin of [...clients, ...clients]) stuck.push(await begin(served))
    // So that what was sent has come.
    await sleep(500)
    await endsInTime(served, stuck)
    expect(backend.delivered).toEqual([])
  })

  test.each(behind)('the server behind: %j', async (rule, begin) => {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    await using backend = await startFakeBackend({
      rules: [{ ...rule, reached: () => resolve(undefined) }],
    })
    await using home = await Home.make()
    const served = await home.serve({ backendUrl: backend.url, config })
    const client = await begin(served)
    await promise
    await endsInTime(served, [client])
    expect(backend.delivered).toEqual([])
  })

  test('a scanner', async () => {
    await using backend = await startFakeBackend()
    await using silent = await silentServer()
    await using home = await Home.make()
    const judge = `{ url: "http://127.0.0.1:${silent.port}", time_limit: 5m }`
    const served = await home.serve({
      backendUrl: backend.url,
      config: `${config}\njudges: [{ rspamd: ${judge} }]`,
    })
    const client = await whole(served)
    await until('the scanner is asked', () => silent.met > 0)
    await endsInTime(served, [client])
    expect(backend.delivered).toEqual([])
  })
})
