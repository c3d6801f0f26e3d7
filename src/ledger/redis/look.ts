/** What `rcptwise check` hears of the server, the cluster or the sentinels of a ledger. */
import { AtServer, serverName } from '../../redis/at-server.ts'
import { type RedisPlace, serverLocator } from '../../redis/locator.ts'
import { Sentinels } from '../../redis/sentinel.ts'
import { basesOf } from './keys.ts'
import { describeRedisError } from './trouble.ts'

export interface RedisLook {
  /** Servers that can be written, without user and password, and how many shards each has. */
  readonly servers: ReadonlyMap<string, number>
  /** Why shards can't be used, each once. */
  readonly troubles: readonly string[]
  readonly sentinels: readonly SentinelLook[]
}

export interface SentinelLook {
  readonly sentinel: string
  /** Without user and password. */
  readonly master?: string
  readonly trouble?: string
}

const timeoutMs = 2000

/** Never rejects. It writes a key for a moment, as the ledger does when it connects. */
export async function lookAtRedis(place: RedisPlace, prefix: string): Promise<RedisLook> {
  const servers = new Map<string, number>()
  const troubles = new Set<string>()
  const locator = serverLocator(place)
  const look = async (base: string): Promise<void> => {
    try {
      const options = { timeoutMs, onLost: () => undefined }
      const connection = await locator.connect(options, `${base}touched`)
      const name = serverName(connection.url)
      servers.set(name, (servers.get(name) ?? 0) + 1)
      connection.close()
    } catch (error) {
      troubles.add(describeRedisError(error))
    }
  }
  await Promise.all(basesOf(place.kind, prefix).map(look))
  return { servers, troubles: [...troubles], sentinels: await sentinelsOf(place) }
}

async function sentinelsOf(place: RedisPlace): Promise<readonly SentinelLook[]> {
  if (place.kind !== 'sentinel') return []
  const told = await new Sentinels(place).ask(timeoutMs)
  return told.map(({ sentinel, master }) =>
    master instanceof AtServer
      ? { sentinel, trouble: describeRedisError(master.cause) }
      : { sentinel, master: serverName(master) },
  )
}
