/** Which class a client is in, and how it is served, as far as is known without a running serve. */
import type { Config } from '../../config/config.ts'
import type { StrategyOverride } from '../../ledger/ledger.ts'
import type { SenderRecord } from '../../ledger/senders.ts'
import { lookUpLearned } from '../../peers/learning.ts'
import { PeerDirectory } from '../../peers/peer-directory.ts'
import { VerifiedNames } from '../../peers/verified-names.ts'
import type { ServedAs } from '../../session/oracle.ts'
import type { Path } from '../../smtp/path.ts'
import type { ConfigurableStrategy } from '../../strategy/names.ts'

/** What a running serve knows besides the configuration. */
export interface RunningServe {
  readonly overrides: readonly StrategyOverride[]
  readonly senders: readonly SenderRecord[]
}

interface Asked {
  readonly serve?: RunningServe
}

interface WhoSends {
  readonly client: { readonly address: string; readonly rdns?: string }
  readonly helo: string
  readonly sender: Path
}

/** `strategy`: in place of those of all classes. */
export function directoryOf(
  config: Config,
  { serve = { overrides: [], senders: [] } }: Asked,
  strategy?: ConfigurableStrategy,
): PeerDirectory {
  const senders = new Map(serve.senders.map((record) => [record.name, record]))
  return new PeerDirectory({
    classes:
      strategy === undefined ? config.peers : config.peers.map((peer) => ({ ...peer, strategy })),
    trusted: config.trusted,
    overrides: () => (strategy === undefined ? serve.overrides : []),
    learned: lookUpLearned({ find: (name) => senders.get(name) }, Date.now),
    now: Date.now,
  })
}

export function peerOf(directory: PeerDirectory, { client, helo, sender }: WhoSends): ServedAs {
  return directory.serve({ ...client, helo, senderDomain: sender.domain })
}

/** The client's name, where serve would look it up. */
export async function nameOf(config: Config, address: string): Promise<string | undefined> {
  const asks = directoryOf(config, {}).needsRdns || config.backend.clientAddress === 'xclient'
  return asks ? await new VerifiedNames({ now: Date.now }).nameOf(address) : undefined
}
