/** The limits on clients and on what their messages take, as configured. */
import type { Config } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import type { ClientLimitsOptions } from '../listen/client-limits.ts'
import type { PeerDirectory } from '../peers/peer-directory.ts'
import type { SpoolBudgetOptions } from '../listen/spool-budget.ts'

export function limitsOf(
  config: Config,
  directory: PeerDirectory,
  now: () => number,
): ClientLimitsOptions {
  return {
    limits: config.limits,
    classes: new Map(config.peers.map(({ name, limits }) => [name, limits])),
    classOf: (client) => {
      const { peer, trusted } = directory.serve({ ...client, helo: '', senderDomain: '' })
      return { peer: peer.name, trusted }
    },
    now,
  }
}

export function spoolBudgetOf(
  { spool }: Config,
  onFact: FactListener,
  now: () => number,
): SpoolBudgetOptions {
  return {
    memoryBytes: spool.memoryBytes,
    directory: spool.directory,
    totalMemoryBytes: spool.totalMemoryBytes,
    totalDiskBytes: spool.totalDiskBytes,
    onLimit: (limit) => onFact({ kind: 'limitReached', at: now(), limit }),
    now,
  }
}
