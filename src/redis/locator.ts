/**
 * Where the server is that has a key: at one address, at one of a cluster's nodes, or where
 * sentinels say. Whoever has lost a connection asks again: meanwhile it may be elsewhere.
 */
import { AtServer } from './at-server.ts'
import { connectRedis, type RedisConnection, type RedisConnectionOptions } from './connection.ts'
import { Sentinels, type SentinelPlace } from './sentinel.ts'

/** The URLs may hold a password: they are not for logs. */
export type RedisPlace =
  | { readonly kind: 'server'; readonly url: string }
  /** Any nodes of it; user, password and TLS hold for all its nodes. */
  | { readonly kind: 'cluster'; readonly urls: readonly string[] }
  | ({ readonly kind: 'sentinel' } & SentinelPlace)

type Options = Omit<RedisConnectionOptions, 'url'>

export interface ServerLocator {
  /**
   * A connection to the server that has the key; it has just been written there. Rejects with an
   * AtServer.
   */
  readonly connect: (options: Options, key: string) => Promise<RedisConnection>
  /** Tells when another server than that of the URL is the one to use. Gives what ends it. */
  readonly follow: (url: string, timeoutMs: number, onMoved: (error: Error) => void) => () => void
}

export function serverLocator(place: RedisPlace): ServerLocator {
  switch (place.kind) {
    case 'server':
      return new OneServer(place.url)
    case 'cluster':
      return new ClusterNodes(place.urls)
    case 'sentinel':
      return new Sentinels(place)
  }
}

const nothingToEnd = (): void => undefined

class OneServer implements ServerLocator {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async connect(options: Options, key: string): Promise<RedisConnection> {
    return await connectRedis({ ...options, url: this.#url }, key)
  }

  follow(): () => void {
    return nothingToEnd
  }
}

/** Nodes that are remembered: those of a large cluster, and some that have left it. */
const mostNodes = 1000

class ClusterNodes implements ServerLocator {
  /** Those that were of use last come first. */
  #urls: readonly string[]

  constructor(urls: readonly string[]) {
    this.#urls = urls
  }

  /** Any node that answers says which one has the key. */
  async connect(options: Options, key: string): Promise<RedisConnection> {
    let told: AtServer | undefined
    for (const url of this.#urls) {
      try {
        const connection = await connectRedis({ ...options, url }, key)
        this.#remember(url, connection.url)
        return connection
      } catch (error) {
        const trouble = AtServer.of(error, url)
        // What a node says of the cluster tells more than that another one is away.
        if (told === undefined || (trouble.isReply && !told.isReply)) told = trouble
      }
    }
    throw told ?? new Error('a cluster has nodes')
  }

  /** A node that has the keys no more says so itself. */
  follow(): () => void {
    return nothingToEnd
  }

  #remember(...useful: readonly string[]): void {
    this.#urls = [...new Set([...useful, ...this.#urls])].slice(0, mostNodes)
  }
}
