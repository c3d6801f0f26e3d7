/** The part of `check` that asks the server of a shared ledger, and its sentinels. */
import { placeOf } from '../app/ledger.ts'
import type { Config } from '../config/config.ts'
import type { RedisLook, SentinelLook } from '../ledger/redis/look.ts'
import { bad, type Finding, ok, warning } from './finding.ts'

/** Never rejects. */
export async function checkLedger({ ledger }: Config): Promise<readonly Finding[]> {
  if (ledger.kind !== 'redis') return []
  // Loaded where it is used, as in app/ledger.ts.
  const { lookAtRedis } = await import('../ledger/redis/look.ts')
  try {
    return inWords(await lookAtRedis(placeOf(ledger), ledger.prefix))
  } catch (error) {
    return [bad('ledger', error instanceof Error ? error.message : String(error))]
  }
}

/** Pure. */
export function inWords({ servers, troubles, sentinels }: RedisLook): readonly Finding[] {
  const [master] = servers.keys()
  return [
    ...[...servers].map(([server, shards]) =>
      ok(
        'ledger',
        `${server} can be written${servers.size > 1 ? `, and has ${shards} of the shards` : ''}`,
        server,
      ),
    ),
    ...sentinels.map((sentinel) => ofSentinel(sentinel, master)),
    ...troubles.map((trouble) => bad('ledger', trouble)),
  ]
}

function ofSentinel(
  { sentinel, master, trouble }: SentinelLook,
  inUse: string | undefined,
): Finding {
  if (master === undefined)
    return warning('ledger', `sentinel ${sentinel}: ${trouble ?? 'it says nothing'}`, sentinel)
  return inUse === undefined || master === inUse
    ? ok('ledger', `sentinel ${sentinel} names ${master}`, sentinel)
    : warning('ledger', `sentinel ${sentinel} names another master, ${master}`, sentinel)
}
