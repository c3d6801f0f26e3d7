/**
 * The part of `check` that says what keeps this from being an open relay, and whether it does
 * (docs/relaying.md).
 */
import { backendSettings, openBackend } from '../app/backend.ts'
import { refusesRoutes } from '../app/relaying.ts'
import type { ServerView } from '../backend/backend.ts'
import type { Config } from '../config/config.ts'
import { tellsClient } from '../config/resolve-backend.ts'
import { nameOf } from './check-backend.ts'
import { bad, type Finding, ok } from './finding.ts'

/** `servers`: as they were asked. Never rejects. */
export async function checkRelay(
  config: Config,
  servers: readonly ServerView[],
): Promise<Finding[]> {
  if (config.backend.servers[0].kind !== 'smtp')
    return [ok('relay', `${accepted(config)}; the sink delivers here and relays nothing`)]
  if (refusesRoutes(config))
    return [ok('relay', `${accepted(config)}, ${noRoutes}`), ...(await followed(config))]
  const relaying = servers.filter(({ relays }) => relays === true)
  if (relaying.length > 0)
    return relaying.map((server) => openRelay(server, relaying.length === servers.length))
  const asked = servers.filter(({ usable }) => usable)
  if (asked.length === 0)
    return [bad('relay', 'not known, since no server could be asked what it relays')]
  return [ok('relay', `${accepted(config)}; ${decides(config)}`)]
}

const accepted = ({ relayDomains }: Config): string =>
  relayDomains === undefined
    ? 'every domain is accepted'
    : `only mail for ${relayDomains.join(', ')} is accepted`

const noRoutes = 'and no recipient with a route in the local part (user%elsewhere@ours)'

const decides = ({ backend }: Config): string =>
  tellsClient(backend)
    ? 'the backend is told who the client is and decides: asked as a stranger, it refused to relay'
    : 'asked for recipients with a route, the backend did not follow them, as backend.follows_routes says'

const openRelay = (view: ServerView, all: boolean): Finding =>
  bad(
    'relay',
    `${nameOf(view)} is an open relay; ${all ? '`serve` will not start with it' : 'it gets no mail, the others do'}`,
    nameOf(view),
  )

/** Recipients with a route are refused here. Where a server would follow one, that is why. */
async function followed(config: Config): Promise<Finding[]> {
  const asIfNot = { ...config, backend: { ...config.backend, followsRoutes: false } }
  const backend = openBackend(backendSettings(asIfNot), { onFact: () => undefined, now: Date.now })
  try {
    await backend.probe()
    return backend
      .servers()
      .filter(({ relays }) => relays === true)
      .map((view) =>
        ok(
          'relay',
          `${nameOf(view)} follows such routes, and they are refused in front of it`,
          nameOf(view),
        ),
      )
  } finally {
    await backend.close()
  }
}
