/**
 * Two front-ends before one mail server, of which one wants TLS that the server does not have. The
 * other one has room for few sessions and for little text.
 */
import { once } from 'node:events'
import { startTestApp, type TestApp } from '../../../support/app.ts'
import { Client } from '../../../support/dialogue.ts'
import { startFakeBackend } from '../../../support/fake-backend.ts'
import { freePort } from '../../../support/lab/ports.ts'
import { type Scripted, scripted } from '../../../judge/scripted-server.ts'

const sessions = 6
const diskBytes = 512 * 1024

export class Pair implements AsyncDisposable {
  readonly #apps: readonly [TestApp, TestApp]
  readonly #parts: AsyncDisposableStack
  readonly #waiting: Client[] = []
  readonly server: string

  private constructor(apps: [TestApp, TestApp], parts: AsyncDisposableStack, server: string) {
    this.#apps = apps
    this.#parts = parts
    this.server = server
  }

  static async start(): Promise<Pair> {
    await using parts = new AsyncDisposableStack()
    const backend = parts.use(await startFakeBackend())
    const scanner = await answeringScanner(parts)
    const server = `smtp://127.0.0.1:${backend.port}`
    const common = `relay_domains: [example.org]
spool: { memory: 4KiB, total_disk: ${diskBytes / 1024}KiB }
judges: [{ rspamd: { url: ["http://127.0.0.1:${await freePort()}", "${scanner.url}"] } }]
limits: { sessions: ${sessions} }
`
    const recipients = '"a@example.org": careful\n"b@example.org": strict\n'
    const start = async (tls: string): Promise<TestApp> =>
      parts.use(
        await startTestApp({
          recipients,
          config: `backend: { servers: ["${server}"], tls: ${tls} }\n${common}`,
        }),
      )
    return new Pair([await start('off'), await start('require')], parts.move(), server)
  }

  get admin(): string {
    return adminOf(this.#apps[0])
  }

  get others(): readonly string[] {
    return [this.other]
  }

  /** The one that does not reach the server, and goes away. */
  get other(): string {
    return adminOf(this.#apps[1])
  }

  /** So many that the first of the judge's servers is given up. */
  async scan(): Promise<void> {
    for (let n = 0; n < 4; n++) {
      const client = await this.#begin(`scanned-${n}`)
      client.send('.\r\n')
      await client.reply()
      client.close()
    }
  }

  /** Clients that say nothing, one more than may be. */
  async crowd(): Promise<void> {
    const clients = await Promise.all(
      Array.from({ length: sessions + 1 }, async () => await Client.connect(this.#apps[0].port)),
    )
    await Promise.all(clients.map(async (client) => await client.reply()))
    for (const client of clients) client.close()
  }

  /** A text that fills nine tenths of the room, and does not end. */
  async fill(): Promise<void> {
    const client = await this.#begin('endless')
    this.#waiting.push(client)
    const line = `${'x'.repeat(998)}\r\n`
    for (let sent = 0; sent < 0.9 * diskBytes; sent += line.length)
      if (!client.socket.write(line)) await once(client.socket, 'drain')
  }

  async end(): Promise<void> {
    await this.#apps[1][Symbol.asyncDispose]()
  }

  /** A message as far as its header section. */
  async #begin(id: string): Promise<Client> {
    const client = await Client.connect(this.#apps[0].port)
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask(`MAIL FROM:<${id}@client.test>`)
    await client.ask('RCPT TO:<a@example.org>')
    await client.ask('DATA')
    client.send(`Message-ID: <${id}@client.test>\r\n\r\nhello\r\n`)
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#waiting) client.close()
    await this.#parts.disposeAsync()
  }
}

const adminOf = ({ app }: TestApp): string => `127.0.0.1:${app.admin?.port ?? 0}`

/** An rspamd that finds nothing wrong with anything. */
async function answeringScanner(parts: AsyncDisposableStack): Promise<Scripted> {
  const ends: (() => unknown)[] = []
  parts.defer(async () => {
    for (const end of ends) await end()
  })
  const answer = JSON.stringify({
    score: 1,
    required_score: 15,
    action: 'no action',
    symbols: {},
  })
  return await scripted(
    (socket) =>
      socket.end(
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${answer.length}\r\nConnection: close\r\n\r\n${answer}`,
      ),
    { ends },
  )
}
