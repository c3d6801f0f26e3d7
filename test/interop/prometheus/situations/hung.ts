/** Two worker processes and their primary, of which one worker is stopped. */
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { standStill } from '../../../support/stopped.ts'
import { until } from '../../../support/lab/until.ts'
import { type FakeBackend, startFakeBackend } from '../../../support/fake-backend.ts'
import { Home, type Served } from '../../../crash/serve.ts'
import { senderOf, untilAnswered } from '../../../crash/sender.ts'

const message = { from: 's@x.test', to: ['a@example.org'], text: 'Subject: x\r\n\r\nhello\r\n' }

export class Hung implements AsyncDisposable {
  readonly #served: Served
  readonly #home: Home
  readonly #parts: AsyncDisposableStack

  private constructor(served: Served, home: Home, parts: AsyncDisposableStack) {
    this.#served = served
    this.#home = home
    this.#parts = parts
  }

  static async start(): Promise<Hung> {
    await using parts = new AsyncDisposableStack()
    const backend: FakeBackend = parts.use(await startFakeBackend())
    const home = parts.use(await Home.make())
    const config = 'timeouts: { worker: 5s }'
    const served = await home.serve({ backendUrl: backend.url, workers: 2, config })
    return new Hung(served, home, parts.move())
  }

  get admin(): string {
    return new URL(this.#served.adminUrl).host
  }

  async stopOne(): Promise<void> {
    await standStill(await this.#worker())
  }

  async killOne(): Promise<void> {
    process.kill(await this.#worker(), 'SIGKILL')
  }

  /** A changed configuration that is wrong. */
  async spoilConfig(): Promise<void> {
    await appendFile(join(this.#home.directory, 'config.yaml'), 'nonsense: true\n')
    this.#served.signal('SIGHUP')
  }

  /** One that has taken mail: its process is known by that. */
  async #worker(): Promise<number> {
    const before = this.#served.events('transactionEnded').length
    await untilAnswered(senderOf(message), this.#served.listeningPort)
    const pid = await until(
      'the log names a worker',
      () => this.#served.events('transactionEnded')[before]?.['pid'],
    )
    return Number(pid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }
}
