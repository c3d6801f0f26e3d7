/**
 * The servers that are configured by a name: each is looked up again and again, and what was found
 * is told. Owns its timer. What becomes of an endpoint that is found no more is not its business.
 */
import type { FactListener } from '../../facts/fact.ts'
import { isLiteral, resolveServer, type Resolver } from './resolve.ts'
import type { Endpoint, Server } from './route.ts'

export interface NameLookUpsOptions {
  readonly servers: readonly Server[]
  readonly resolver: Resolver
  /** How often names are resolved again, in ms. */
  readonly resolveEveryMs: number
  /** What a server's name leads to now. */
  readonly onFound: (found: FoundEndpoints) => void
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
}

export interface FoundEndpoints {
  readonly server: Server
  readonly endpoints: readonly Endpoint[]
  /** A host whose look-up failed keeps the addresses that it had. */
  readonly keeps: (host: string) => boolean
  /** The server's name was never looked up before. */
  readonly first: boolean
}

export class NameLookUps {
  readonly #options: NameLookUpsOptions
  /** Of servers whose last look-up failed, by URL: why. */
  readonly unresolved = new Map<string, string>()
  /** Until all names have been resolved for the first time. */
  resolved: Promise<void> | undefined
  /** Of each server with a name: until it was looked up. */
  underWay: readonly Promise<void>[] = []
  #next: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: NameLookUpsOptions) {
    this.#options = options
    if (options.servers.every(isLiteral)) return
    this.resolved = this.#resolve(true).finally(() => (this.resolved = undefined))
  }

  /**
   * All at the same time: a name server that is silent about one of them does not hold up the
   * others.
   */
  async #resolve(first: boolean): Promise<void> {
    const { servers, resolveEveryMs } = this.#options
    const named = servers.filter((one) => !isLiteral(one))
    this.underWay = named.map(async (server) => await this.#lookUp(server, first))
    await Promise.all(this.underWay)
    if (this.#closed) return
    this.#next = setTimeout(() => void this.#resolve(false), resolveEveryMs)
  }

  async #lookUp(server: Server, first: boolean): Promise<void> {
    const { resolver, onFound, onFact, now } = this.#options
    const { endpoints, failed } = await resolveServer(server, resolver)
    if (this.#closed) return
    const quiet = this.unresolved.delete(server.url) ? { quiet: true as const } : {}
    for (const { why } of failed) {
      this.unresolved.set(server.url, why)
      const what = { server: server.url, step: 'resolve', why } as const
      onFact({ kind: 'backendFailed', at: now(), ...what, ...quiet })
    }
    const hosts = new Set(failed.map(({ host }) => host))
    const keeps = (host: string): boolean => hosts.has(host) || hosts.has(server.host)
    onFound({ server, endpoints, keeps, first })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#next)
  }
}
