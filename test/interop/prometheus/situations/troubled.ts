/**
 * One process that can't write its ledger and has an old certificate, one server that wants a login
 * and one that is not there.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { issue } from '../../../../src/tls/issue.ts'
import { startTestApp, type TestApp } from '../../../support/app.ts'
import { Client } from '../../../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../../../support/fake-backend.ts'
import { freePort } from '../../../support/lab/ports.ts'

const day = 86_400_000

export class Troubled implements AsyncDisposable {
  readonly #app: TestApp
  readonly #parts: AsyncDisposableStack
  /** URLs of the servers. */
  readonly refusing: string
  readonly away: string

  private constructor(
    app: TestApp,
    parts: AsyncDisposableStack,
    servers: Pick<Troubled, 'refusing' | 'away'>,
  ) {
    this.#app = app
    this.#parts = parts
    this.refusing = servers.refusing
    this.away = servers.away
  }

  static async start(): Promise<Troubled> {
    await using parts = new AsyncDisposableStack()
    const directory = parts.adopt(
      await mkdtemp(join(tmpdir(), 'rcptwise-troubled-')),
      async (path) => await rm(path, { recursive: true, force: true }),
    )
    await writeCertificate(directory)
    await mkdir(join(directory, 'ledger'))
    const backend = parts.use(await refusingBackend())
    const [refusing, away] = [
      `smtp://127.0.0.1:${backend.port}`,
      `smtp://127.0.0.1:${await freePort()}`,
    ]
    const config = `
ledger: ${join(directory, 'ledger')}
backend: { servers: ["${refusing}", "${away}"] }
relay_domains: [example.org]
tls: { certificates: [{ cert: cert.pem, key: key.pem }] }
`
    const app = parts.use(
      await startTestApp({ directory, recipients: '"a@example.org": careful\n', config }),
    )
    return new Troubled(app, parts.move(), { refusing, away })
  }

  get admin(): string {
    return `127.0.0.1:${this.#app.app.admin?.port ?? 0}`
  }

  /** Messages that the server can't be given. */
  async offer(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const client = await Client.connect(this.#app.port)
      await client.reply()
      await client.ask('EHLO client.test')
      expect(await client.ask('MAIL FROM:<s@client.test>')).toMatch(/^[24]/)
      await client.ask('RCPT TO:<a@example.org>')
      client.close()
    }
  }

  async spoilRecipients(): Promise<void> {
    await writeFile(join(this.#app.directory, 'recipients.yaml'), '"a@example.org": nonsense\n')
  }

  async spoilCertificate(): Promise<void> {
    await writeFile(join(this.#app.directory, 'cert.pem'), 'half a certific')
  }

  async end(): Promise<void> {
    await this.#app[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }
}

async function writeCertificate(directory: string): Promise<void> {
  const now = Date.now()
  const request = {
    commonName: 'mx.test',
    names: ['mx.test'],
    notBefore: now - day,
    notAfter: now + 3 * day,
  }
  const { cert, key } = await issue({ ...request, use: 'server', keyBits: 2048 })
  await writeFile(join(directory, 'cert.pem'), cert)
  await writeFile(join(directory, 'key.pem'), key)
}

/** Wants a login at first, and then breaks off each time. */
const refusingBackend = async (): Promise<FakeBackend> =>
  await startFakeBackend({
    rules: [
      { on: 'MAIL', nth: 1, say: '530 5.7.0 Authentication required' },
      { on: 'MAIL', silent: true, then: 'reset' },
    ],
  })
