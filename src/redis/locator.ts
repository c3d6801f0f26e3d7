/**
 * Where the server is that has a key: at one address, at one of a cluster's nodes, or where
 * sentinels say. Whoever has lost a connection asks again: meanwhile it may be elsewhere.
 */
import { AtServer } from './at-server.ts'
import { connectRedis, type RedisConnection, type RedisConnectionOptions } from './connection.ts'
import { Sentinels, type SentinelPlace } from './sentinel.ts'

/**
 * The URLs may hold a password: they are not for logs. `ca`: the authorities that are trusted at
 * `rediss://`, in PEM; absent: Node's own.
 */
export type RedisPlace = { readonly ca?: string } & (
  | { readonly kind: 'server'; readonly url: string }
  /** Any nodes of it; user, password and TLS hold for all its nodes. */
  | { readonly kind: 'cluster'; readonly urls: readonly string[] }
  | ({ readonly kind: 'sentinel' } & SentinelPlace)
)

type Options = Omit<RedisConnectionOptions, 'url' | 'ca'>

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
      return new OneServer(place)
    case 'cluster':
      return new ClusterNodes(place)
    case 'sentinel':
      return new Sentinels(place)
  }
}

const nothingToEnd = (): void => undefined

class OneServer implements ServerLocator {
  readonly #server: Pick<RedisConnectionOptions, 'url' | 'ca'>

  constructor({ url, ca }: Pick<RedisConnectionOptions, 'url' | 'ca'>) {
    this.#server = { url, ...(ca !== undefined && { ca }) }
  }

  async connect(options: Options, key: string): Promise<RedisConnection> {
    return await connectRedis({ ...options, ...this.#server }, key)
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
  readonly #trust: Pick<RedisConnectionOptions, 'ca'>

  constructor({ urls, ca }: { readonly urls: readonly string[]; readonly ca?: string }) {
    this.#urls = urls
    this.#trust = ca === undefined ? {} : { ca }
  }

  /** Any node that answers says which one has the key. */
  async connect(options: Options, key: string): Promise<RedisConnection> {
    let told: AtServer | undefined
    for (const url of this.#urls) {
      try {
        const connection = await connectRedis({ ...options, ...this.#trust, url }, key)
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
