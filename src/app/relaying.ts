/** Rule 8 as the configuration has it (docs/relaying.md). */
import type { Config } from '../config/config.ts'
import { tellsClient } from '../config/resolve-backend.ts'

/** The servers see our address in place of the client's, and may trust it: a route in a local part would be followed for anyone. */
export const refusesRoutes = ({ backend }: Config): boolean =>
  backend.servers[0].kind === 'smtp' && !tellsClient(backend) && backend.followsRoutes
