/** What a worker may take of the connections to the mail server. */
import { expect, test } from 'vitest'
import { shareOf } from '../../../src/app/workers/share.ts'
import { parseConfig } from '../../../src/config/load.ts'

const poolOf = (workers: number, pool: string): Record<string, unknown> => {
  const loaded = parseConfig(
    `workers: ${workers}\nbackend: { pool: { ${pool} } }\n`,
    '/etc/rcptwise/config.yaml',
  )
  if (!loaded.ok) throw new Error('the configuration of this test is wrong')
  return { ...shareOf(loaded.config).backend.pool }
}

test.each([
  [4, 'max_connections: 100, per_server: 40, authenticated: 20', [25, 10, 5]],
  [3, 'max_connections: 100, per_server: 40, authenticated: 20', [33, 13, 6]],
  [4, 'max_connections: 2, per_server: 1, authenticated: 1', [1, 1, 1]],
])(
  'limits.md: “Rcptwise divides the connections to the mail server (backend.pool.max_connections, per_server, authenticated) among the workers; each has one at least.” %i, %s',
  (workers, pool, parts) => {
    const { maxConnections, perServer, authenticated } = poolOf(workers, pool)
    expect([maxConnections, perServer, authenticated]).toEqual(parts)
  },
)
