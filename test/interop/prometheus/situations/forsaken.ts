/**
 * Senders that were told to come back and never do, a scanner that is not there, and a database of
 * wishes that holds nonsense. For the front-end time goes by; its rounds come in their own time.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import { startTestApp, type TestApp } from '../../../support/app.ts'
import { Client } from '../../../support/dialogue.ts'
import { freePort } from '../../../support/lab/ports.ts'

const hour = 3_600_000
const recipients = '"careful@example.org": careful\n"strict@example.org": strict\n'

const configuration = (scanner: number): string => `
recipients:
  default: careful
  sources:
    - file: recipients.yaml
    - sqlite:
        path: wishes.db
        query: SELECT recipient, reject_at FROM wishes WHERE recipient IN (:addresses)
judges:
  - headers: { from: [127.0.0.1] }
  - rspamd: { url: "http://127.0.0.1:${scanner}" }
`

export class Forsaken implements AsyncDisposable {
  readonly #app: TestApp
  readonly #directory: string
  readonly #clock: { ahead: number }
  #messages = 0

  private constructor(app: TestApp, directory: string, clock: { ahead: number }) {
    this.#app = app
    this.#directory = directory
    this.#clock = clock
  }

  static async start(): Promise<Forsaken> {
    const clock = { ahead: 0 }
    const now = (): number => Date.now() + clock.ahead
    const steady = (): number => performance.now() + clock.ahead
    const directory = await mkdtemp(join(tmpdir(), 'rcptwise-forsaken-'))
    try {
      await writeFile(join(directory, 'recipients.yaml'), recipients)
      const wishes = new DatabaseSync(join(directory, 'wishes.db'))
      wishes.exec('CREATE TABLE wishes (recipient TEXT, reject_at TEXT)')
      wishes.exec("INSERT INTO wishes VALUES ('odd@example.org', 'when I like')")
      wishes.close()
      const config = configuration(await freePort())
      return new Forsaken(await startTestApp({ directory, config, now, steady }), directory, clock)
    } catch (error) {
      await rm(directory, { recursive: true, force: true })
      throw error
    }
  }

  get admin(): string {
    return `127.0.0.1:${this.#app.app.admin?.port ?? 0}`
  }

  /** The file of the database. */
  get wishes(): string {
    return join(this.#directory, 'wishes.db')
  }

  async sendUnjudgeable(): Promise<void> {
    const { answers } = await this.#send(['careful@example.org'], 'X-Spam-Score: nonsense')
    expect(answers).toEqual(['250'])
  }

  /** Messages of which somebody is deferred. */
  async split(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const both = ['careful@example.org', 'strict@example.org']
      expect((await this.#send(both, 'X-Spam-Score: 1.0')).answers).toEqual(['250', '451'])
    }
  }

  /** Somebody is deferred, and the sender comes back for them after so long. */
  async comeBackAfter({ hours }: { readonly hours: number }): Promise<void> {
    const n = this.#messages + 1
    await this.split(1)
    await pause(2000)
    this.#clock.ahead += hours * hour
    this.#messages = n - 1
    const { answers } = await this.#send(['strict@example.org'], 'X-Spam-Score: 1.0')
    expect(answers).toEqual(['250'])
  }

  /** To somebody whose wish is none. */
  async sendToOdd(): Promise<void> {
    expect((await this.#send(['odd@example.org'], 'X-Spam-Score: 1.0')).answers).toEqual(['250'])
  }

  /** The table is gone when the database is asked. */
  async sendWithoutWishes(): Promise<void> {
    const wishes = new DatabaseSync(this.wishes)
    wishes.exec('DROP TABLE wishes')
    wishes.close()
    for (let i = 0; i < 6; i++) {
      const to = [`ann${i}@example.org`, 'careful@example.org']
      expect((await this.#send(to, 'X-Spam-Score: 1.0')).answers).toEqual(['451', '250'])
    }
  }

  /** One of two has the message, the other is deferred, and then so much time goes by. */
  async forsake({
    days = 0,
    hours = 0,
  }: {
    readonly days?: number
    readonly hours?: number
  }): Promise<void> {
    const { answers } = await this.#send(
      ['careful@example.org', 'strict@example.org'],
      'X-Spam-Score: 1.0',
    )
    expect(answers).toEqual(['250', '451'])
    // So that the counters of this peer and strategy were seen before they grow.
    await pause(3000)
    this.#clock.ahead += (days * 24 + hours) * hour
  }

  async #send(
    to: readonly string[],
    field: string,
  ): Promise<{ readonly answers: readonly string[] }> {
    const n = (this.#messages += 1)
    const client = await Client.connect(this.#app.port)
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask(`MAIL FROM:<s${n}@client.test>`)
    const answers: string[] = []
    for (const recipient of to)
      answers.push((await client.ask(`RCPT TO:<${recipient}>`)).slice(0, 3))
    await client.ask('DATA')
    client.send(`${field}\r\nMessage-ID: <${n}@client.test>\r\n\r\nhello\r\n.\r\n`)
    expect((await client.reply()).join('\n')).toMatch(/^250/)
    client.close()
    return { answers }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#app[Symbol.asyncDispose]()
    await rm(this.#directory, { recursive: true, force: true })
  }
}
