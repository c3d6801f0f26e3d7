/**
 * Messages of the server on a connection of their own, which is opened again whenever it is lost.
 * Nobody relies on them.
 */
import { RedisConnection } from '../../redis/connection.ts'

export interface WakeUpsOptions {
  readonly url: string
  readonly channel: string
  readonly timeoutMs: number
  readonly onMessage: () => void
}

/** Before it is opened again, ms. */
const againMs = 2000

export class WakeUps {
  readonly #options: WakeUpsOptions
  #connection: RedisConnection | undefined
  #timer: NodeJS.Timeout | undefined
  #over = false

  constructor(options: WakeUpsOptions) {
    this.#options = options
    void this.#open()
  }

  close(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#connection?.close()
  }

  async #open(): Promise<void> {
    const { url, channel, timeoutMs, onMessage } = this.#options
    const connection = new RedisConnection({ url, timeoutMs, onLost: () => this.#openLater() })
    this.#connection = connection
    try {
      await connection.open()
      await connection.subscribe(channel, onMessage)
    } catch {
      connection.close()
      this.#openLater()
    }
  }

  #openLater(): void {
    if (this.#over) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#open(), againMs).unref()
  }
}
