/** Aliases from a real database, with a mailbox of the same database behind them. */
import { describe, expect, test } from 'vitest'
import { mailboxesBehind } from '../../../src/policy/aliases/mailboxes.ts'
import { mysqlDatabase } from '../../../src/policy/sql/mysql.ts'
import { postgresDatabase } from '../../../src/policy/sql/postgres.ts'
import { sqlAliases } from '../../policy/sql/sql-sources.ts'
import { databaseObstacle, startDatabase } from './database-server.ts'
import { settingsOf } from './wishes.ts'

const query = 'SELECT address AS recipient, goto AS mailbox FROM alias WHERE address IN (:keys)'

describe.skipIf(databaseObstacle() !== undefined)('aliases in a table as of mailcow', () => {
  test.each(['postgres', 'mysql'] as const)('%s', async (kind) => {
    await using server = await startDatabase(kind)
    await server.run(
      'CREATE TABLE alias (address VARCHAR(255) PRIMARY KEY, goto TEXT NOT NULL)',
      `INSERT INTO alias VALUES ('ann@example.org', 'ann@example.org'),
        ('team@example.org', 'ann@example.org,bob@example.net'), ('@old.example', '@example.org')`,
    )
    const settings = settingsOf(server, { query })
    const source = sqlAliases(
      kind === 'mysql' ? mysqlDatabase(settings) : postgresDatabase(settings),
    )
    const ask = mailboxesBehind([{ source }], { mostSteps: 10, mostMailboxes: 100 })
    const recipients = ['team@old.example', "o'b%\\@example.org", 'ann+x@example.org']
    expect(await ask(recipients, new AbortController().signal)).toEqual([
      { kind: 'mailboxes', of: ['ann@example.org', 'bob@example.net'] },
      { kind: 'mailboxes', of: ["o'b%\\@example.org"] },
      { kind: 'mailboxes', of: ['ann+x@example.org'] },
    ])
    await source.close()
  })
})
