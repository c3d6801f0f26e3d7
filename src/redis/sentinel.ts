/**
 * The master of a name, as sentinels know it. Any of them may be away, behind, or wrong: what most
 * of them say is tried first, and a server is used only if it says itself that it is a master.
 *
 * https://redis.io/docs/latest/develop/reference/sentinel-clients/
 */
import { AtServer, serverName } from './at-server.ts'
import {
  openRedis,
  proveWritable,
  RedisConnection,
  urlAt,
  type RedisConnectionOptions,
} from './connection.ts'

export interface SentinelPlace {
  /** With user, password, TLS and database of the master; its host is the name of the master. */
  readonly url: string
  readonly sentinels: readonly string[]
  /** Certificates of the authorities that are trusted, of master and sentinels, in PEM. */
  readonly ca?: string
}

/** What one sentinel said. */
export interface Told {
  /** Without user and password. */
  readonly sentinel: string
  /** Where the master is, or why that is not known. */
  readonly master: string | AtServer
}

type Options = Omit<RedisConnectionOptions, 'url' | 'ca'>

/** Between two questions whether the master is still the one in use, ms. */
export const usualFollowMs = 10_000

export class Sentinels {
  readonly #place: SentinelPlace
  readonly #followMs: number
  readonly #trust: Pick<RedisConnectionOptions, 'ca'>

  constructor(place: SentinelPlace, followMs = usualFollowMs) {
    this.#place = place
    this.#followMs = followMs
    this.#trust = place.ca === undefined ? {} : { ca: place.ca }
  }

  /** Rejects with an AtServer. */
  async connect(options: Options, key: string): Promise<RedisConnection> {
    const told = await this.#askUntilMostAgree(options.timeoutMs)
    const masters = byVotes(told)
    let trouble = told.flatMap(({ master }) => (typeof master === 'string' ? [] : [master]))[0]
    for (const [at, url] of masters.entries()) {
      try {
        return await connectMaster({ ...options, ...this.#trust, url }, key)
      } catch (error) {
        // What the one says that most name is what matters.
        if (at === 0) trouble = AtServer.of(error, url)
      }
    }
    throw trouble ?? new AtServer(this.#place.url, 'there are no sentinels')
  }

  /**
   * Tells once when most sentinels name another master than the one in use, which may not have
   * heard of it: it is cut off from them, and not from here. Gives what ends it.
   */
  follow(url: string, timeoutMs: number, onMoved: (error: Error) => void): () => void {
    let [isOver, isLooking] = [false, false]
    const end = (): void => {
      isOver = true
      clearInterval(timer)
    }
    const look = async (): Promise<void> => {
      // Sentinels may take longer than the time between two questions.
      if (isLooking) return
      isLooking = true
      const now = mostSay(await this.#askUntilMostAgree(timeoutMs), this.#place.sentinels.length)
      const moved =
        now !== undefined &&
        now !== url &&
        (await isMaster({ ...this.#trust, url: now, timeoutMs }))
      isLooking = false
      if (isOver || !moved) return
      end()
      onMoved(new Error(`the sentinels say that ${serverName(now)} is the master now`))
    }
    const timer = setInterval(() => void look(), this.#followMs).unref()
    return end
  }

  /** What each says, in the order of the configuration. Never rejects. */
  async ask(timeoutMs: number): Promise<readonly Told[]> {
    return await Promise.all(
      this.#place.sentinels.map(async (sentinel) => await this.#askOne(sentinel, timeoutMs)),
    )
  }

  /** All that was said by then: one that is silent holds up nobody while most agree. */
  async #askUntilMostAgree(timeoutMs: number): Promise<readonly Told[]> {
    const { sentinels } = this.#place
    const told: Told[] = []
    await new Promise<void>((resolve) => {
      for (const sentinel of sentinels) {
        void this.#askOne(sentinel, timeoutMs).then((one) => {
          told.push(one)
          const isEnough =
            told.length === sentinels.length || mostSay(told, sentinels.length) !== undefined
          if (isEnough) resolve()
        })
      }
    })
    return told
  }

  async #askOne(url: string, timeoutMs: number): Promise<Told> {
    const name = masterName(this.#place.url)
    const connection = new RedisConnection({
      ...this.#trust,
      url: withSentinelPort(url),
      timeoutMs,
      onLost: () => undefined,
    })
    const sentinel = serverName(connection.url)
    try {
      await connection.open()
      const reply = await connection.command(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name])
      const [host, port] = Array.isArray(reply) ? reply.map(String) : []
      if (host === undefined || port === undefined)
        throw new Error(`it knows no master of the name ${name}`)
      return { sentinel, master: urlAt(this.#place.url, host, port) }
    } catch (error) {
      return { sentinel, master: AtServer.of(error, connection.url) }
    } finally {
      connection.close()
    }
  }
}

export const masterName = (url: string): string => decodeURIComponent(new URL(url).hostname)

function withSentinelPort(url: string): string {
  const parsed = new URL(url)
  if (parsed.port === '') parsed.port = '26379'
  return parsed.href
}

async function connectMaster(
  options: RedisConnectionOptions,
  key: string,
): Promise<RedisConnection> {
  const connection = await openRedis(options)
  try {
    const role = await roleOf(connection)
    if (role !== 'master')
      throw new Error(`sentinels name it as the master, and it says that it is a ${role}`)
    await proveWritable(connection, key)
    return connection
  } catch (error) {
    connection.close()
    throw AtServer.of(error, options.url)
  }
}

async function roleOf(connection: RedisConnection): Promise<string> {
  const reply = await connection.command(['ROLE'])
  const role = Array.isArray(reply) ? String(reply[0]) : ''
  return role === 'slave' ? 'replica' : role
}

/** Never rejects. */
async function isMaster(
  server: Pick<RedisConnectionOptions, 'url' | 'ca' | 'timeoutMs'>,
): Promise<boolean> {
  try {
    const connection = await openRedis({ ...server, onLost: () => undefined })
    return await roleOf(connection)
      .then((role) => role === 'master')
      .finally(() => connection.close())
  } catch {
    return false
  }
}

/** Masters that were named, those of most votes first. Pure. */
function byVotes(told: readonly Told[]): readonly string[] {
  const votes = votesOf(told)
  return [...votes.keys()].sort((a, b) => (votes.get(b) ?? 0) - (votes.get(a) ?? 0))
}

/** The master that more than half of so many sentinels name, if they do. Pure. */
function mostSay(told: readonly Told[], sentinels: number): string | undefined {
  const [first] = byVotes(told)
  return first !== undefined && (votesOf(told).get(first) ?? 0) > sentinels / 2 ? first : undefined
}

function votesOf(told: readonly Told[]): ReadonlyMap<string, number> {
  const votes = new Map<string, number>()
  for (const { master } of told)
    if (typeof master === 'string') votes.set(master, (votes.get(master) ?? 0) + 1)
  return votes
}
