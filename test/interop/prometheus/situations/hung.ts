/** Two worker processes and their primary, of which one worker is stopped. */
import { standStill } from '../../../support/stopped.ts'
import { until } from '../../../support/lab/until.ts'
import { type FakeBackend, startFakeBackend } from '../../../support/fake-backend.ts'
import { Home, type Served } from '../../../crash/serve.ts'
import { senderOf, untilAnswered } from '../../../crash/sender.ts'

const message = { from: 's@x.test', to: ['a@example.org'], text: 'Subject: x\r\n\r\nhello\r\n' }

export class Hung implements AsyncDisposable {
  readonly #served: Served
  readonly #parts: AsyncDisposableStack

  private constructor(served: Served, parts: AsyncDisposableStack) {
    this.#served = served
    this.#parts = parts
  }

  static async start(): Promise<Hung> {
    await using parts = new AsyncDisposableStack()
    const backend: FakeBackend = parts.use(await startFakeBackend())
    const home = parts.use(await Home.make())
    const config = 'timeouts: { worker: 5s }'
    const served = await home.serve({ backendUrl: backend.url, workers: 2, config })
    return new Hung(served, parts.move())
  }

  get admin(): string {
    return new URL(this.#served.adminUrl).host
  }

  /** One that has taken mail: its process is known by that. */
  async stopOne(): Promise<void> {
    await untilAnswered(senderOf(message), this.#served.listeningPort)
    const pid = await until(
      'the log names a worker',
      () => this.#served.events('transactionEnded')[0]?.['pid'],
    )
    await standStill(Number(pid))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }
}
