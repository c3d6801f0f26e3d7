/** A table of wishes in a real database, and a source that reads it. */
import type { PolicySource } from '../../../src/policy/policy-source.ts'
import { mysqlDatabase } from '../../../src/policy/sql/mysql.ts'
import { postgresDatabase } from '../../../src/policy/sql/postgres.ts'
import type { ServerSettings } from '../../../src/policy/sql/server.ts'
import type { Database } from '../../../src/policy/sql/sql-store.ts'
import { sqlSource } from '../../policy/sql/sql-sources.ts'
import { type DatabaseServer, password } from './database-server.ts'

export const query =
  'SELECT address AS recipient, policy, reject_at FROM wishes WHERE address IN (:keys)'
export const settingsOf = (
  server: DatabaseServer,
  change: Partial<ServerSettings> = {},
): ServerSettings => ({
  host: '127.0.0.1',
  port: server.port,
  database: 'mail',
  user: 'rcptwise',
  password,
  connections: 2,
  limitMs: 2000,
  query,
  ...change,
})

/** With the questions that it was asked. */
export function openSource(
  server: DatabaseServer,
  change: Partial<ServerSettings> = {},
): { readonly source: PolicySource; readonly asked: () => number } {
  const settings = settingsOf(server, change)
  const database = server.kind === 'mysql' ? mysqlDatabase(settings) : postgresDatabase(settings)
  let asked = 0
  const counted: Database = {
    name: database.name,
    async ask(lists, signal) {
      asked++
      return await database.ask(lists, signal)
    },
    close: async () => await database.close(),
  }
  return { source: sqlSource(counted), asked: () => asked }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Anew, with the name of the policy of each address. */
export async function fill(
  server: DatabaseServer,
  entries: Readonly<Record<string, string>>,
): Promise<void> {
  const rows = Object.entries(entries).map(
    ([address, policy]) => `(${quoted(address)}, ${quoted(policy)}, NULL)`,
  )
  await server.run(
    'DROP TABLE IF EXISTS wishes',
    'CREATE TABLE wishes (address VARCHAR(320) PRIMARY KEY, policy VARCHAR(64), reject_at NUMERIC(6, 2))',
    ...(rows.length === 0 ? [] : [`INSERT INTO wishes VALUES ${rows.join(', ')}`]),
  )
}
