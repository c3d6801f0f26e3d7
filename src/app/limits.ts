/** The limits on clients, as configured. */
import type { Config } from '../config/config.ts'
import { ClientLimits } from '../listen/client-limits.ts'
import type { PeerDirectory } from '../listen/peer-directory.ts'

export function clientLimits(config: Config, directory: PeerDirectory, now: () => number): ClientLimits {
  return new ClientLimits({
    limits: config.limits,
    classes: new Map(config.peers.map(({ name, limits }) => [name, limits])),
    classOf: (client) => {
      const { peer, trusted } = directory.serve({ ...client, helo: '', senderDomain: '' })
      return { peer: peer.name, trusted }
    },
    now,
  })
}
