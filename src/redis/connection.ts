/**
 * One connection to a Redis or Valkey server. When it is lost it stays lost: nothing is queued for
 * a server that is away and nothing is sent twice, because the ledger then goes on in memory.
 * Whoever wants another one opens it.
 */
import { createHash } from 'node:crypto'
import { createClient } from '@redis/client'
import { lookUpForSocket } from '../dns/look-up.ts'
import { AtServer } from './at-server.ts'

export interface RedisConnectionOptions {
  /**
   * `redis://` or `rediss://` (TLS), with user, password and number of the database as in the URL.
   */
  readonly url: string
  /** Certificates of the authorities that are trusted in place of Node's own, in PEM. */
  readonly ca?: string
  /** Longest time from a command to its reply, and of the whole opening, ms. */
  readonly timeoutMs: number
  /** Called once, when it was not `close` that ended it. Commands under way are rejected then. */
  readonly onLost: (error: Error) => void
}

/** A script that the server keeps by its digest. */
export interface Script {
  readonly text: string
  readonly sha1: string
}

export const scriptOf = (text: string): Script => ({
  text,
  sha1: createHash('sha1').update(text).digest('hex'),
})

/**
 * Commands sent and not answered; what is beyond is refused, and that is then trouble like any
 * other.
 */
const mostUnanswered = 50_000

/** Redirections within a cluster while one is opened. */
const mostRedirections = 5

interface Command {
  readonly sentAt: number
}

/**
 * Rejects with an AtServer, within twice `timeoutMs` for each server that it is led to. A cluster
 * says which node has the key.
 */
export async function connectRedis(
  options: RedisConnectionOptions,
  key: string,
): Promise<RedisConnection> {
  let { url } = options
  for (let redirections = 0; ; redirections += 1) {
    const connection = await openRedis({ ...options, url })
    try {
      await proveWritable(connection, key)
      return connection
    } catch (error) {
      connection.close()
      const moved = redirections < mostRedirections ? movedTo(error, url) : undefined
      if (moved === undefined) throw new AtServer(url, error)
      url = moved
    }
  }
}

/** Rejects with an AtServer, within `timeoutMs`. */
export async function openRedis(options: RedisConnectionOptions): Promise<RedisConnection> {
  const connection = new RedisConnection(options)
  try {
    await connection.open()
    return connection
  } catch (error) {
    connection.close()
    throw new AtServer(options.url, error)
  }
}

/**
 * `key` is written once, for a moment: a replica or a full server can be read and is of no use.
 */
export async function proveWritable(connection: RedisConnection, key: string): Promise<void> {
  await connection.command(['SET', key, '1', 'PX', '60000'])
}

/**
 * `MOVED 3999 host:port`; an empty host is the one that was asked
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
 */
export function movedTo(error: unknown, asked: string): string | undefined {
  const found = error instanceof Error ? /^MOVED \d+ (.*):(\d+)$/.exec(error.message) : null
  if (found === null) return undefined
  const [, host = '', port = ''] = found
  return urlAt(asked, host === '' || host === '?' ? new URL(asked).hostname : host, port)
}

/**
 * The URL with another host and port, which a server has named.
 *
 * @throws Error for what is no host or no port
 */
export function urlAt(url: string, host: string, port: string): string {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  if (!/^[\w.:-]{1,255}$/.test(bare) || !/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new Error('it names no host and port')
  const other = new URL(url)
  other.hostname = bare.includes(':') ? `[${bare}]` : bare
  other.port = port
  return other.href
}

export class RedisConnection {
  readonly #options: RedisConnectionOptions
  readonly #client: ReturnType<typeof newClient>
  /** In the order they were sent, which is the order of their replies: the first is the oldest. */
  readonly #unanswered = new Set<Command>()
  #watch: NodeJS.Timeout | undefined
  #over = false
  #lostBy: Error | undefined
  /** It took too long to open. */
  #late = false

  constructor(options: RedisConnectionOptions) {
    this.#options = options
    this.#client = newClient(options)
    this.#client.on('error', (error: Error) => this.#lose(error))
  }

  /** The server that it leads to, after all redirections. */
  get url(): string {
    return this.#options.url
  }

  async open(): Promise<void> {
    const { timeoutMs } = this.#options
    // The client's own limit ends with the TCP connection; the server has not said anything by
    // then.
    const limit = setTimeout(() => {
      this.#late = true
      this.#destroy()
    }, timeoutMs)
    try {
      await this.#client.connect()
    } catch (error) {
      throw this.#late ? new Error(`no answer within ${timeoutMs} ms`, { cause: error }) : error
    } finally {
      clearTimeout(limit)
    }
    if (this.#over) throw new Error('the connection was lost while it was opened')
    this.#watch = setInterval(() => this.#lookForLate(), Math.max(10, timeoutMs / 10)).unref()
  }

  /**
   * Commands of one turn of the event loop leave in one write. Rejects with the server's error or
   * when the connection is lost.
   */
  async command(parts: readonly string[]): Promise<unknown> {
    const command: Command = { sentAt: performance.now() }
    this.#unanswered.add(command)
    try {
      return await this.#client.sendCommand(parts)
    } catch (error) {
      // What ended the connection, rather than that it has ended.
      throw this.#lostBy ?? error
    } finally {
      this.#unanswered.delete(command)
    }
  }

  /**
   * EVALSHA, and EVAL when the server does not have the script: after a restart, a failover or
   * SCRIPT FLUSH.
   */
  async script(script: Script, key: string, parts: readonly string[]): Promise<unknown> {
    try {
      return await this.command(['EVALSHA', script.sha1, '1', key, ...parts])
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return await this.command(['EVAL', script.text, '1', key, ...parts])
    }
  }

  /** From then on it is for messages of this channel alone. */
  async subscribe(channel: string, onMessage: () => void): Promise<void> {
    await this.#client.subscribe(channel, onMessage)
  }

  /** Ends it at once; commands under way are rejected. */
  close(): void {
    this.#over = true
    clearInterval(this.#watch)
    this.#destroy()
  }

  #lookForLate(): void {
    const [oldest] = this.#unanswered
    if (oldest === undefined || performance.now() - oldest.sentAt < this.#options.timeoutMs) return
    // A process that was itself held up for so long may have the reply in its socket: that is read
    // first.
    setImmediate(() => {
      if (this.#unanswered.has(oldest))
        this.#lose(new Error(`no answer within ${this.#options.timeoutMs} ms`))
    })
  }

  #lose(error: Error): void {
    if (this.#over) return
    this.#lostBy = error
    // An attempt to connect tells its failure itself.
    if (this.#watch !== undefined) this.#options.onLost(error)
    this.close()
  }

  #destroy(): void {
    this.#over = true
    try {
      this.#client.destroy()
    } catch {
      // It was closed already.
    }
  }
}

function newClient({ url, ca, timeoutMs }: RedisConnectionOptions) {
  return createClient({
    url,
    // Every server and every version speaks it, and the replies here are strings, numbers and
    // lists.
    RESP: 2,
    name: 'rcptwise',
    disableClientInfo: true,
    disableOfflineQueue: true,
    commandsQueueMaxLength: mostUnanswered,
    socket: {
      connectTimeout: timeoutMs,
      reconnectStrategy: false,
      noDelay: true,
      keepAlive: true,
      lookup: lookUpForSocket(),
      ...(ca !== undefined && url.startsWith('rediss:') && { tls: true, ca }),
    },
  })
}
