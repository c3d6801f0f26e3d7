/**
 * A message whose recipients have their own limits in a database.
 *
 *   Exim with PRDR ─▶ Rcptwise ─▶ Postfix
 *                        └──▶ PostgreSQL, MariaDB
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { startExim } from '../../support/lab/exim.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { fates, mailboxes, mixedMessage, recipients } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { databaseObstacle, password, startDatabase } from './database-server.ts'

const host = '127.0.0.1'
/** As the policies of these names have them. */
const limits: Readonly<Record<string, string>> = {
  'tag-only': "6, 'never'",
  careful: "NULL, '15.0'",
  strict: "5, '8'",
}

describe.skipIf(databaseObstacle() !== undefined).each(['postgres', 'mysql'] as const)(
  '%s',
  (kind) => {
    test("README.md: “Each recipient's limits can also come from the database in which your users set them: sqlite, postgres or mysql in place of file (docs/recipients.md).” recipients.md: “a message to a hundred people is one question, when the client pipelines”: each has the limits of their own row", async () => {
      await using database = await startDatabase(kind)
      const rows = Object.entries(recipients).map(
        ([address, policy]) => `('${address}', ${limits[policy] ?? 'NULL, NULL'})`,
      )
      await database.run(
        'CREATE TABLE users (email VARCHAR(200) PRIMARY KEY, tag DECIMAL(6, 2), reject VARCHAR(10))',
        `INSERT INTO users VALUES ${rows.join(', ')}`,
      )
      const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-databases-'))
      await writeFile(path.join(directory, 'password'), `${password}\n`)
      const source = {
        ...{ host, port: database.port, database: 'mail', user: 'rcptwise' },
        password_file: path.join(directory, 'password'),
        query:
          'SELECT email AS recipient, tag AS tag_at, reject AS reject_at FROM users WHERE email IN (:keys)',
      }
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        config: { recipients: { default: 'careful', sources: [{ [kind]: source }] } },
      })
      await using exim = await startExim({ relayTo: { host, port: rcptwise.port } })
      await exim.submit(mixedMessage(9.5))
      await expectFates(exim, backend, fates[9.5])
      expect(await rcptwise.metric('rcptwise_policy_seconds_count')).toBe(1)
      expect(await rcptwise.metric('rcptwise_policy_recipients_total')).toBe(
        Object.keys(recipients).length,
      )
      await rm(directory, { recursive: true })
    })
  },
)
