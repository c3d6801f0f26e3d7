/**
 * Senders that were told to come back and never do. For the front-end time goes by; its rounds come
 * in their own time.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import { startTestApp, type TestApp } from '../../../support/app.ts'
import { Client } from '../../../support/dialogue.ts'

const hour = 3_600_000
const recipients = '"careful@example.org": careful\n"strict@example.org": strict\n'

export class Forsaken implements AsyncDisposable {
  readonly #app: TestApp
  readonly #clock: { ahead: number }
  #messages = 0

  private constructor(app: TestApp, clock: { ahead: number }) {
    this.#app = app
    this.#clock = clock
  }

  static async start(): Promise<Forsaken> {
    const clock = { ahead: 0 }
    const now = (): number => Date.now() + clock.ahead
    const steady = (): number => performance.now() + clock.ahead
    return new Forsaken(await startTestApp({ recipients, now, steady }), clock)
  }

  get admin(): string {
    return `127.0.0.1:${this.#app.app.admin?.port ?? 0}`
  }

  async sendUnjudgeable(): Promise<void> {
    const { answers } = await this.#send(['careful@example.org'], 'X-Spam-Score: nonsense')
    expect(answers).toEqual(['250'])
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
  }
}
