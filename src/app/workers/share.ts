/** What one of several workers may take of what the configuration gives to all. */
import type { Config } from '../../config/config.ts'

/** The configuration of a worker: sizes that are for the whole program are divided, so that all together keep to them. */
export function shareOf(config: Config): Config {
  const { workers, backend, spool } = config
  const part = (whole: number): number => Math.max(1, Math.floor(whole / workers))
  return {
    ...config,
    backend: { ...backend, pool: { ...backend.pool, maxConnections: part(backend.pool.maxConnections) } },
    spool: {
      ...spool,
      totalMemoryBytes: Math.floor(spool.totalMemoryBytes / workers),
      totalDiskBytes: Math.floor(spool.totalDiskBytes / workers),
    },
  }
}
