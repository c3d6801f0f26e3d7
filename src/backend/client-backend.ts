/**
 * The backend as one client's connection sees it where AUTH is passed through: everyone's, until
 * the client has authenticated; from then on the connection that it did so on, which is nobody
 * else's.
 */
import type { Extensions } from '../smtp/ehlo.ts'
import type { Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'
import type {
  Backend,
  BackendTransaction,
  ClientAuth,
  EnvelopeListener,
  OwnBackend,
} from './backend.ts'

export class ClientBackend implements Backend, ClientAuth {
  readonly #backend: Backend
  #own: OwnBackend | undefined
  #authenticated = false

  constructor(backend: Backend) {
    this.#backend = backend
  }

  say(line: string, client: ClientAttributes, onReply: (reply: Reply) => void): void {
    this.#own ??= this.#backend.authenticate?.(client)
    if (this.#own === undefined) return onReply(replies.authUnavailable)
    this.#own.say(line, (reply) => {
      if (reply.code === 235) this.#authenticated = true
      onReply(reply)
    })
  }

  end(): void {
    this.#own?.end()
    this.#own = undefined
    this.#authenticated = false
  }

  begin(id: string, listener: EnvelopeListener, client: ClientAttributes): BackendTransaction {
    const own = this.#authenticated ? this.#own : undefined
    return own === undefined
      ? this.#backend.begin(id, listener, client, true)
      : own.begin(id, listener)
  }

  /** Its own connection is scarce for nobody. */
  mayHold(): boolean {
    return this.#authenticated || this.#backend.mayHold()
  }

  extensions(): Extensions {
    return this.#backend.extensions()
  }
}
