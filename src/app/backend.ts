/** The configured backend: what it is made of, and the backend that is made of it. */
import type { WatchedBackend } from '../backend/backend.ts'
import { Sink, type SinkOptions } from '../backend/sink/sink.ts'
import { type Neighbours, noNeighbours } from '../backend/endpoints/room.ts'
import { SmtpBackend, type SmtpBackendOptions } from '../backend/smtp-backend.ts'
import { backendTls, type BackendTlsSettings, readBackendTls } from '../backend/wire/secure.ts'
import type { Config } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import { relayQuestions } from './relaying.ts'

/** All of the configuration that a backend depends on, as plain data. */
export type BackendSettings =
  | ({ readonly kind: 'sink' } & Omit<SinkOptions, keyof BackendSurroundings>)
  | ({ readonly kind: 'smtp'; readonly tls: BackendTlsSettings } & Omit<
      SmtpBackendOptions,
      'tls' | keyof BackendSurroundings
    >)

/** What a backend has of the process around it. */
export interface BackendSurroundings {
  readonly onFact: FactListener
  readonly now: () => number
  /** Other processes that use it. */
  readonly neighbours?: Neighbours
}

/** Throws, with the file and what to do, when the file of authorities can't be used. */
export function backendSettings(config: Config): BackendSettings {
  const { backend, hostname } = config
  const [first] = backend.servers
  if (first.kind === 'sink')
    return { kind: 'sink', directory: first.directory, url: first.url, hostname }
  return {
    kind: 'smtp',
    servers: backend.servers.flatMap((server) => (server.kind === 'smtp' ? [server] : [])),
    tls: readBackendTls(backend.tls),
    clientAddress: backend.clientAddress,
    helo: hostname,
    prdr: backend.prdr,
    chunking: backend.chunking,
    connectTimeoutMs: backend.connectTimeoutMs,
    replyTimeoutMs: backend.replyTimeoutMs,
    deliveryTimeoutMs: backend.deliveryTimeoutMs,
    ...backend.pool,
    health: backend.health,
    resolveEveryMs: backend.resolveEveryMs,
    relayQuestions: relayQuestions(config),
  }
}

export function openBackend(
  settings: BackendSettings,
  { onFact, now, neighbours = noNeighbours }: BackendSurroundings,
): WatchedBackend {
  if (settings.kind === 'sink') return new Sink({ ...settings, onFact, now })
  const tls = backendTls(settings.tls)
  return new SmtpBackend({ ...settings, tls, neighbours, onFact, now })
}
