/**
 * The servers of one judge: the next one is asked when one fails, and one that is down is left
 * alone for a while (breaker.ts). Knows no protocol.
 */
import type { Failed } from '../exchange/octets.ts'
import { Breaker } from './breaker.ts'

export interface NamedServer {
  /** For the log: host and port, or the file of a socket. */
  readonly name: string
}

/** In words for the log; `down` says why it is not asked any more for a while. */
export interface ServerChange {
  readonly server: string
  readonly down?: string
}

export interface JudgeServersOptions<Server extends NamedServer> {
  /** In the order in which they are asked. */
  readonly servers: readonly Server[]
  /** Ms that only grow. */
  readonly now: () => number
  readonly onChange: (change: ServerChange) => void
}

export class JudgeServers<Server extends NamedServer> {
  readonly #options: JudgeServersOptions<Server>
  readonly #servers: readonly { readonly server: Server; readonly breaker: Breaker }[]

  constructor(options: JudgeServersOptions<Server>) {
    this.#options = options
    this.#servers = options.servers.map((server) => ({ server, breaker: new Breaker() }))
  }

  /** Why nobody can be asked at the moment; undefined when somebody can. */
  trouble(): string | undefined {
    const down = this.#servers.filter(({ breaker }) => breaker.open)
    if (down.length < this.#servers.length) return undefined
    return `${down.map(({ server }) => server.name).join(', ')}: down`
  }

  /**
   * What the first server says that has an answer. `ask` says why it has none, and never throws.
   * @throws the signal's reason
   */
  async firstOf<Answer extends object>(
    ask: (server: Server) => Promise<Answer | Failed>,
    signal: AbortSignal,
  ): Promise<Answer | Failed> {
    const failures: string[] = []
    for (const { server, breaker } of this.#servers) {
      if (!breaker.admits(this.#options.now())) continue
      const said = await ask(server)
      if (signal.aborted) {
        // One that hangs is down, too; that nobody wants to know any more says nothing of it.
        if (isGivenUp(signal.reason)) breaker.abandoned()
        else this.#note(server, breaker, 'it did not answer in time')
        signal.throwIfAborted()
      }
      if (!('failed' in said)) {
        this.#note(server, breaker)
        return said
      }
      this.#note(server, breaker, said.failed)
      failures.push(`${server.name}: ${said.failed}`)
    }
    return { failed: failures.length === 0 ? 'no server can be asked' : failures.join('; ') }
  }

  #note(server: Server, breaker: Breaker, failed?: string): void {
    if (failed === undefined) {
      if (breaker.succeeded()) this.#options.onChange({ server: server.name })
    } else if (breaker.failed(this.#options.now())) {
      this.#options.onChange({ server: server.name, down: failed })
    }
  }
}

/** The reason of a signal that was given none. */
const isGivenUp = (reason: unknown): boolean =>
  reason instanceof DOMException && reason.name === 'AbortError'
