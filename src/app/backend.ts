/** The configured backend as one, and how it is at the moment. */
import type { WatchedBackend } from '../backend/backend.ts'
import { Sink } from '../backend/sink/sink.ts'
import { type Neighbours, noNeighbours } from '../backend/endpoints/room.ts'
import { SmtpBackend } from '../backend/smtp-backend.ts'
import { backendTls } from '../backend/wire/secure.ts'
import type { Config } from '../config/config.ts'
import type { FactListener } from '../facts.ts'
import { relayQuestions } from './relaying.ts'

/** `neighbours`: other processes that use it. */
export function openBackend(
  config: Config,
  onFact: FactListener,
  now: () => number,
  neighbours: Neighbours = noNeighbours,
): WatchedBackend {
  const { backend, hostname } = config
  const [first] = backend.servers
  if (first.kind === 'sink')
    return new Sink({ directory: first.directory, url: first.url, hostname, onFact, now })
  return new SmtpBackend({
    servers: backend.servers.flatMap((server) => (server.kind === 'smtp' ? [server] : [])),
    tls: backendTls(backend.tls),
    introduction: backend.clientAddress,
    helo: hostname,
    prdr: backend.prdr,
    connectTimeoutMs: backend.connectTimeoutMs,
    replyTimeoutMs: backend.replyTimeoutMs,
    deliveryTimeoutMs: backend.deliveryTimeoutMs,
    ...backend.pool,
    health: backend.health,
    resolveEveryMs: backend.resolveEveryMs,
    relayQuestions: relayQuestions(config),
    neighbours,
    onFact,
    now,
  })
}
