/** The backend of a configuration: its servers, the limits of time, and what can be relayed. */
import type { Config, ConfiguredServer } from './config.ts'
import type { Report } from './report.ts'
import type { Settings } from './schema.ts'

/** The backend; a sink's directory is made absolute by `place`. */
export function resolveBackend(
  settings: Settings,
  directories: { readonly place: (path: string) => string; readonly data: string },
  report: Report,
): Config['backend'] {
  const { backend, timeouts } = settings
  const sinkByDefault = {
    url: { kind: 'sink', directory: `${directories.data}/mail`, url: '' },
    priority: 0,
    weight: 1,
  } as const
  const servers = (backend.servers ?? [sinkByDefault]).map((server) =>
    placed(server, directories.place),
  )
  const [first, ...rest] = servers
  if (first === undefined) throw new Error('schema.ts lets an empty list of servers pass')
  const sink = servers.findIndex((server) => server.kind === 'sink')
  if (sink >= 0 && servers.length > 1) {
    report(
      ['backend', 'servers', sink],
      'a sink stands alone; leave out the other servers, or the sink',
    )
  }
  servers.forEach(({ url }, i) => {
    if (servers.findIndex((other) => other.url === url) < i)
      report(['backend', 'servers', i], `${url} is there twice; give it a weight, or leave one out`)
  })
  const { eject_for: ejectMs, eject_at_most: ejectAtMostMs, ask_every: askEveryMs } = backend.health
  const { ask_relay_at_most: askRelayAtMostMs } = backend.health
  if (ejectAtMostMs < ejectMs)
    report(['backend', 'health', 'eject_at_most'], 'is shorter than eject_for; make it longer')
  return {
    servers: [first, ...rest],
    clientAddress:
      backend.client_address === 'proxy'
        ? `proxy-v${backend.proxy_version}`
        : backend.client_address,
    tls: resolveTls(backend, directories.place, report),
    followsRoutes: backend.follows_routes,
    prdr: backend.prdr,
    chunking: backend.chunking,
    mail: backend.mail,
    resolveEveryMs: backend.resolve_every,
    health: { ejectMs, ejectAtMostMs, askEveryMs, askRelayAtMostMs },
    connectTimeoutMs: backend.connect_timeout,
    replyTimeoutMs: backend.reply_timeout,
    deliveryTimeoutMs: Math.min(backend.delivery_timeout, timeouts.reply),
    pool: {
      maxConnections: backend.pool.max_connections,
      ...(backend.pool.per_server !== undefined && { perServer: backend.pool.per_server }),
      authenticated: authenticatedOf(backend.pool, report),
      idleTimeoutMs: backend.pool.idle_timeout,
      maxTransactions: backend.pool.max_transactions,
      maxErrors: backend.pool.max_errors,
    },
  }
}

function authenticatedOf(
  { max_connections: all, authenticated }: Settings['backend']['pool'],
  report: Report,
): number {
  if (authenticated !== undefined && authenticated > all)
    report(
      ['backend', 'pool', 'authenticated'],
      `is more than max_connections, ${all}; make it smaller, or leave it out`,
    )
  return authenticated ?? Math.max(1, Math.floor(all / 2))
}

/**
 * A certificate that is checked only sometimes protects nobody: whoever is in between makes the
 * check fail.
 */
function resolveTls(
  { tls, servers = [] }: Settings['backend'],
  place: (path: string) => string,
  report: Report,
): Config['backend']['tls'] {
  if (tls.mode !== 'require') {
    const why = `has no effect with mode ${tls.mode}, which takes any certificate; write mode: require beside it, or leave it out`
    if (tls.ca !== undefined) report(['backend', 'tls', 'ca'], why)
    if (tls.fingerprint.length > 0) report(['backend', 'tls', 'fingerprint'], why)
  } else if (tls.ca !== undefined && tls.fingerprint.length > 0) {
    report(['backend', 'tls', 'ca'], 'is not looked at beside a fingerprint; keep one of them')
  }
  const implicit = servers.findIndex(({ url }) => url.kind === 'smtp' && url.implicitTls === true)
  if (tls.mode === 'off' && implicit >= 0) {
    report(
      ['backend', 'servers', implicit],
      'smtps:// is TLS, and backend.tls is off; change one of them',
    )
  }
  return {
    mode: tls.mode,
    fingerprints: tls.fingerprint,
    ...(tls.ca !== undefined && { ca: place(tls.ca) }),
    ...(tls.server_name !== undefined && { serverName: tls.server_name }),
  }
}

function placed(
  { url: server, priority, weight }: NonNullable<Settings['backend']['servers']>[number],
  place: (path: string) => string,
): ConfiguredServer {
  if (server.kind === 'smtp') return { ...server, priority, weight }
  const directory = place(server.directory)
  return { kind: 'sink', directory, url: `sink:${directory}` }
}

/**
 * The backend takes the connection for the client's, and can judge for itself what that client may
 * do.
 */
export const tellsClient = ({ clientAddress }: Config['backend']): boolean =>
  clientAddress === 'xclient' || clientAddress === 'proxy-v1' || clientAddress === 'proxy-v2'

/**
 * Rule 8. A backend that is not told the client's address sees ours, which is often in its trusted
 * networks, and would relay mail from anyone to anywhere.
 */
export function checkRelaySafety(
  settings: Settings,
  backend: Config['backend'],
  report: Report,
): void {
  const server = backend.servers.find(({ kind }) => kind === 'smtp')
  if (server === undefined || tellsClient(backend) || (settings.relay_domains ?? []).length > 0)
    return
  const got = settings.relay_domains === undefined ? 'is missing' : 'got an empty list'
  report(
    ['relay_domains'],
    `${got}, expected the domains that ${server.url} takes mail for: with client_address ${settings.backend.client_address} the backend sees our ` +
      "address in place of the client's, may trust it, and may then relay anyone's mail anywhere",
  )
}
