/** What one of several workers may take of what the configuration gives to all. */
import type { Config } from '../../config/config.ts'

/**
 * The configuration of a worker: connections to the mail server behind are divided, so that all
 * together keep to them. What clients may take is counted over all workers (shared-counts.ts,
 * shared-rates.ts).
 */
export function shareOf(config: Config): Config {
  const { workers, backend } = config
  const part = (whole: number): number => Math.max(1, Math.floor(whole / workers))
  const { maxConnections, authenticated, perServer } = backend.pool
  const pool = {
    ...backend.pool,
    maxConnections: part(maxConnections),
    authenticated: part(authenticated),
    ...(perServer !== undefined && { perServer: part(perServer) }),
  }
  return { ...config, backend: { ...backend, pool } }
}
