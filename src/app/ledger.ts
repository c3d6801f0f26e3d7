/** The configured ledger, for the house and for the sessions. */
import type { Config, LedgerStore } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { reconcilingLedger } from '../ledger/reconcile.ts'
import { openSqliteLedger } from '../ledger/sqlite/sqlite.ts'
import type { RedisPlace } from '../redis/locator.ts'
import { readAuthorities } from '../tls/authorities.ts'

export interface LedgerHere {
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly clock: () => number
  /** A process that takes mail for one that keeps house, and that has opened the ledger before. */
  readonly isWorker: boolean
}

/**
 * The servers of a ledger, and whom to trust there.
 *
 * @throws Error that says what is wrong with the file of `ledger.ca`
 */
export function placeOf({
  place,
  ca,
}: Pick<Extract<LedgerStore, { kind: 'redis' }>, 'place' | 'ca'>): RedisPlace {
  return ca === undefined ? place : { ...place, ca: readAuthorities(ca, 'ledger.ca').join('') }
}

/**
 * @throws RefusedLedgerError for a file of a newer release or of another program, Error for a file
 * of authorities that holds none. A server that is away is no error.
 */
export async function openLedger(
  { ledger }: Config,
  { onFact, clock, isWorker }: LedgerHere,
): Promise<Ledger> {
  const { maxSplits, maxBytes } = ledger
  const parts = { maxSplits, maxBytes, onFact, clock }
  if (ledger.kind === 'sqlite')
    return await openSqliteLedger({ path: ledger.path, ...parts, checkedElsewhere: isWorker })
  // Loaded where it is used: the client library takes some megabytes and a tenth of a second.
  const { openRedisLedger } = await import('../ledger/redis/redis.ts')
  const { prefix, patienceMs, keepMs } = ledger
  const place = placeOf(ledger)
  return await openRedisLedger({ place, prefix, patienceMs, keepMs, ...parts })
}

/**
 * The ledger for sessions, which only add what they know: a save that comes too late goes on top of
 * the newer version. Those who decide by what a split says (the sweeping, the admin API) use the
 * ledger itself: they have to be told that the split is another one by now.
 */
export const ledgerForSessions = (ledger: Ledger, onFact: FactListener): Ledger =>
  reconcilingLedger(ledger, onFact)
