/** The configured backend as one. */
import type { Backend } from '../backend/backend.ts'
import { RelayGuard } from '../backend/relay-guard.ts'
import { Sink } from '../backend/sink.ts'
import { SmtpBackend } from '../backend/smtp-backend.ts'
import { backendTls } from '../backend/secure.ts'
import type { Config } from '../config/config.ts'
import type { FactListener } from '../facts.ts'

export function openBackend(config: Config, onFact: FactListener, now: () => number): Backend {
  const { backend, hostname } = config
  const [first] = backend.servers
  if (first.kind === 'sink') return new Sink({ directory: first.directory, url: first.url, hostname, onFact, now })
  const smtp = new SmtpBackend({
    servers: backend.servers.flatMap((server) => (server.kind === 'smtp' ? [server] : [])),
    tls: backendTls(backend.tls),
    introduction: backend.clientAddress,
    helo: hostname,
    connectTimeoutMs: backend.connectTimeoutMs,
    replyTimeoutMs: backend.replyTimeoutMs,
    deliveryTimeoutMs: Math.min(backend.deliveryTimeoutMs, config.timeouts.replyMs),
    ...backend.pool,
    onFact,
    now,
  })
  return config.relayDomains === undefined ? new RelayGuard(smtp) : smtp
}
