/**
 * `listen` changes while `serve` runs, with one process and with workers: who is connected goes on,
 * whatever becomes of the listener.
 */
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Home, type Served } from '../crash/serve.ts'
import { Client } from '../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../support/fake-backend.ts'
import { freePort } from '../support/lab/ports.ts'
import { until } from '../support/lab/until.ts'
import { connectSecured } from '../tls/secured-client.ts'

interface Running extends AsyncDisposable {
  readonly backend: FakeBackend
  readonly served: Served
  /** Puts these lines in place of `listen` and tells it so; resolves when it was taken, or not. */
  listen(...entries: readonly string[]): Promise<'taken' | 'kept'>
}

async function run(workers: number, listen: string, socket?: Server): Promise<Running> {
  const backend = await startFakeBackend()
  const home = await Home.make()
  const served = await home.serve({
    backendUrl: backend.url,
    workers,
    listen,
    ...(socket !== undefined && { socket }),
  })
  const file = join(home.directory, 'config.yaml')
  const text = await readFile(file, 'utf8')
  const outcomes = (): string[] => [
    ...served.events('configLoaded').map(() => 'taken'),
    ...served.events('configKept').map(() => 'kept'),
  ]
  return {
    backend,
    served,
    async listen(...entries) {
      const [taken, kept] = [
        served.events('configLoaded').length,
        served.events('configKept').length,
      ]
      await writeFile(file, text.replace(/^listen: .*$/m, `listen: [${entries.join(', ')}]`))
      served.signal('SIGHUP')
      await until('it says what became of it', () => outcomes().length > taken + kept, {
        explain: () => served.output,
      })
      return served.events('configLoaded').length > taken ? 'taken' : 'kept'
    },
    async [Symbol.asyncDispose]() {
      await home[Symbol.asyncDispose]()
      await backend.stop()
    },
  }
}

const on = (port: number, more = ''): string => `{ address: "127.0.0.1:${port}"${more} }`

/** Whether each of several connections, so that all workers are met, is refused. */
async function refused(port: number): Promise<boolean> {
  const all = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const client = await Client.connect(port).catch(() => undefined)
      client?.close()
      return client === undefined
    }),
  )
  return !all.includes(false)
}

/** What is said to EHLO in each of several sessions. */
async function offers(port: number): Promise<readonly string[]> {
  const clients = await Promise.all(
    Array.from({ length: 8 }, async () => await Client.connect(port)),
  )
  return await Promise.all(
    clients.map(async (client) => {
      await client.reply()
      const said = await client.ask('EHLO client.test')
      client.close()
      return said
    }),
  )
}

async function begin(client: Client): Promise<void> {
  expect(await client.ask('EHLO client.test')).toContain('250 ')
  expect(await client.ask('MAIL FROM:<s@x.test>')).toMatch(/^250/)
  expect(await client.ask('RCPT TO:<a@example.org>')).toMatch(/^250/)
}

async function finish(client: Client): Promise<void> {
  expect(await client.ask('DATA')).toMatch(/^354/)
  client.send('Subject: x\r\n\r\nhello\r\n.\r\n')
  expect((await client.reply()).join()).toMatch(/^250/)
}

describe.each([1, 2])('%i worker(s)', (workers) => {
  test('added, changed and removed', { timeout: 90_000 }, async () => {
    const [a, b, c] = [await freePort(), await freePort(), await freePort()]
    await using running = await run(workers, `127.0.0.1:${a}`)
    const first = await Client.connect(a)
    await first.reply()
    await begin(first)

    expect(await running.listen(on(a), on(b, ', tls: implicit'))).toBe('taken')
    const secured = await connectSecured(b)
    expect((await secured.reply()).join()).toMatch(/^220 /)
    await begin(secured)
    const stays = await Client.connect(a)
    await stays.reply()
    expect(await stays.ask('EHLO client.test')).toContain('STARTTLS')

    expect(await running.listen(on(c), on(a, ', tls: off'))).toBe('taken')
    await until('nobody listens where nobody is to listen', async () => await refused(b))
    for (const said of await offers(a)) expect(said).not.toContain('STARTTLS')
    for (const said of await offers(c)) expect(said).toContain('STARTTLS')
    expect(await stays.ask('EHLO client.test')).toContain('STARTTLS')
    await finish(secured)

    expect(await running.listen(on(c))).toBe('taken')
    await until('nobody listens there', async () => await refused(a))
    await finish(first)
    for (const client of [first, stays, secured]) {
      // In between messages, too, they go on.
      await begin(client)
      await finish(client)
      expect(await client.ask('QUIT')).toMatch(/^221/)
    }
    expect(running.backend.delivered).toHaveLength(5)
    running.served.signal('SIGTERM')
    expect(await running.served.ending()).toBe(0)
  })

  test(
    'SIGTERM ends the sessions of a removed listener as all others',
    { timeout: 90_000 },
    async () => {
      const [a, b] = [await freePort(), await freePort()]
      await using running = await run(workers, `127.0.0.1:${a}`)
      const client = await Client.connect(a)
      await client.reply()
      expect(await running.listen(on(b))).toBe('taken')
      running.served.signal('SIGTERM')
      expect((await client.reply()).join()).toMatch(/^421 4\.3\.2 /)
      client.close()
      expect(await running.served.ending()).toBe(0)
    },
  )

  test(
    'a port in use: refused with the reason, nothing of it is done; and taken once it is free',
    { timeout: 90_000 },
    async () => {
      const [a, b] = [await freePort(), await freePort()]
      await using running = await run(workers, `127.0.0.1:${a}`)
      const other = createServer().listen(0, '127.0.0.1')
      await once(other, 'listening')
      const { port: taken } = other.address() as AddressInfo
      const wanted = [on(a, ', tls: off'), on(b), on(taken)]
      expect(await running.listen(...wanted)).toBe('kept')
      const [kept] = running.served.events('configKept')
      expect(kept?.['why']).toEqual([expect.stringContaining(`127.0.0.1:${taken} is in use`)])
      expect(await refused(b)).toBe(true)
      for (const said of await offers(a)) expect(said).toContain('STARTTLS')
      await new Promise((resolve) => other.close(resolve))
      expect(await running.listen(...wanted)).toBe('taken')
      for (const port of [b, taken])
        for (const said of await offers(port)) expect(said).toContain('STARTTLS')
      for (const said of await offers(a)) expect(said).not.toContain('STARTTLS')
    },
  )

  test(
    'a socket of the service manager is kept as long as its entry is there',
    { timeout: 90_000 },
    async () => {
      const socket = createServer().listen(0, '127.0.0.1')
      await once(socket, 'listening')
      const { port: given } = socket.address() as AddressInfo
      const b = await freePort()
      // The entry's own address is not listened on: the socket is in its place.
      await using running = await run(workers, '127.0.0.1:1', socket)
      expect(running.served.listeningPort).toBe(given)
      expect(await running.listen(on(b), on(1, ', tls: off'))).toBe('taken')
      for (const said of await offers(given)) expect(said).not.toContain('STARTTLS')
      for (const said of await offers(b)) expect(said).toContain('STARTTLS')
      expect(await running.listen(on(b))).toBe('taken')
      await until('it was let go', async () => await refused(given))
      for (const said of await offers(b)) expect(said).toContain('STARTTLS')
    },
  )
})
