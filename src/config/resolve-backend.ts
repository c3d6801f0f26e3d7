import type { Config, ServerAddress } from './config.ts'
import type { Report } from './report.ts'
import type { Settings } from './schema.ts'

/** The backend; a sink's directory is made absolute by `place`. */
export function resolveBackend(
  settings: Settings,
  directories: { readonly place: (path: string) => string; readonly data: string },
  report: Report,
): Config['backend'] {
  const { backend, timeouts } = settings
  const written = backend.servers ?? [{ kind: 'sink', directory: `${directories.data}/mail`, url: '' }]
  const servers = written.map((server) => placed(server, directories.place))
  const [first, ...rest] = servers
  if (first === undefined) throw new Error('schema.ts lets an empty list of servers pass')
  const sink = servers.findIndex((server) => server.kind === 'sink')
  if (sink >= 0 && servers.length > 1) {
    report(['backend', 'servers', sink], 'a sink stands alone; leave out the other servers, or the sink')
  }
  return {
    servers: [first, ...rest],
    clientAddress: backend.client_address,
    connectTimeoutMs: backend.connect_timeout,
    replyTimeoutMs: backend.reply_timeout,
    deliveryTimeoutMs: Math.min(backend.delivery_timeout, timeouts.reply),
    pool: {
      maxConnections: backend.pool.max_connections,
      idleTimeoutMs: backend.pool.idle_timeout,
      maxTransactions: backend.pool.max_transactions,
      maxErrors: backend.pool.max_errors,
    },
  }
}

function placed(server: ServerAddress, place: (path: string) => string): ServerAddress {
  if (server.kind === 'smtp') return server
  const directory = place(server.directory)
  return { kind: 'sink', directory, url: `sink:${directory}` }
}

/**
 * Rule 8. A backend that is not told the client's address sees ours, which is often in its trusted networks, and would
 * relay mail from anyone to anywhere.
 */
export function checkRelaySafety(settings: Settings, backend: Config['backend'], report: Report): void {
  const server = backend.servers.find(({ kind }) => kind === 'smtp')
  if (server === undefined || (settings.relay_domains ?? []).length > 0) return
  const got = settings.relay_domains === undefined ? 'is missing' : 'got an empty list'
  report(
    ['relay_domains'],
    `${got}, expected the domains that ${server.url} takes mail for: with client_address none the backend sees our ` +
      "address in place of the client's, may trust it, and may then relay anyone's mail anywhere",
  )
}
