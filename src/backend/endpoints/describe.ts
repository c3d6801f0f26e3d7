/** How the endpoints are at the moment, for `check`, the metrics, `/readyz` and the log. Pure. */
import type { ServerView } from '../backend.ts'
import type { EndpointState } from './endpoint-state.ts'
import type { Server } from './route.ts'

/** Of servers whose names could not be looked up, by URL: why. */
export type Unresolved = ReadonlyMap<string, string>

/** Why nothing can be used; undefined when something can. */
export function troubleOf(
  all: readonly EndpointState[],
  unresolved: Unresolved,
): string | undefined {
  if (all.some((one) => one.known)) return undefined
  const [first] = all
  if (first !== undefined && all.every(({ relays }) => relays)) return first.health.why
  const said = all.map(({ server, health }) => `${server.url}: ${health.why ?? 'not asked yet'}`)
  const unknown = [...unresolved].map(([server, why]) => `${server}: ${why}`)
  return [...said, ...unknown].join('; ') || 'not asked yet'
}

/** Every server at least once. */
export function viewOf(
  servers: readonly Server[],
  all: readonly EndpointState[],
  unresolved: Unresolved,
): ServerView[] {
  const missing = servers.filter((server) => !all.some((one) => one.server.url === server.url))
  return [
    ...all.map(viewOfEndpoint),
    ...missing.map(({ url, priority = 0 }) => ({
      server: url,
      address: '',
      priority,
      usable: false,
      extensions: new Map<string, string>(),
      trouble: unresolved.get(url) ?? 'not resolved yet',
    })),
  ]
}

function viewOfEndpoint(endpoint: EndpointState): ServerView {
  const { server, address, port, health, extensions, relays } = endpoint
  const host = address.includes(':') ? `[${address}]` : address
  return {
    server: server.url,
    address: server.socketPath ?? `${host}:${port}`,
    priority: server.priority ?? 0,
    usable: endpoint.known,
    extensions: extensions ?? new Map(),
    ...(relays && { relays: true as const }),
    ...(health.why !== undefined && { trouble: health.why }),
  }
}
