/** Users who tick a box so that only people they know may write to them, with lists of their own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { startTestApp } from '../../support/app.ts'
import { Client } from '../../support/dialogue.ts'
import { databaseObstacle, type DatabaseKind, password, startDatabase } from './database-server.ts'

/** A box, and a table of contacts. */
const tables = [
  'CREATE TABLE users (email VARCHAR(200) PRIMARY KEY, known_only BOOLEAN, reject_at INTEGER)',
  'CREATE TABLE contacts (owner VARCHAR(200), address VARCHAR(200))',
  `INSERT INTO users VALUES ('ann@example.org', true, NULL), ('bob@example.org', true, NULL),
    ('carl@example.org', false, NULL), ('@example.org', NULL, 15)`,
  `INSERT INTO contacts VALUES ('ann@example.org', 'friend@example.net'),
    ('ann@example.org', '@work.example'), ('bob@example.org', 'Bobs.Friend@example.net')`,
]
const contacts: Readonly<Record<DatabaseKind, string>> = {
  postgres: 'SELECT array_agg(address) FROM contacts WHERE owner = email',
  mysql: "SELECT group_concat(address SEPARATOR ' ') FROM contacts WHERE owner = email",
}

describe.skipIf(databaseObstacle() !== undefined).each(['postgres', 'mysql'] as const)(
  '%s',
  (kind) => {
    test("policies.md: “The list of known senders can be the user's own, from a table or a directory: known_senders_only and accept_senders are columns like the others (recipients.md).”", async () => {
      await using database = await startDatabase(kind)
      await database.run(...tables)
      const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-known-'))
      await writeFile(path.join(directory, 'password'), `${password}\n`)
      await using app = await startTestApp({
        config: `
policies: { default: { reject_at: 15 } }
recipients:
  default: default
  sources:
    - ${kind}:
        port: ${database.port}
        database: mail
        user: rcptwise
        password_file: ${directory}/password
        query: >-
          SELECT email AS recipient, known_only AS known_senders_only, reject_at,
            (${contacts[kind]}) AS accept_senders
          FROM users WHERE email IN (:keys)
`,
      })
      const told = async (sender: string, recipient: string): Promise<string> => {
        const client = await Client.connect(app.port)
        try {
          await client.reply()
          await client.ask('EHLO client.test')
          await client.ask(`MAIL FROM:<${sender}>`)
          const rcpt = await client.ask(`RCPT TO:<${recipient}@example.org>`)
          await client.ask('DATA')
          const text = await client.ask('Subject: x\r\n\r\nend of text\r\n.')
          return `${rcpt.slice(0, 3)} ${text.slice(0, 3)}`
        } finally {
          client.close()
        }
      }
      const strangers = await Promise.all(
        ['ann', 'bob', 'carl', 'postmaster'].map(
          async (one) => await told('stranger@example.net', one),
        ),
      )
      expect(strangers).toEqual(['250 550', '250 550', '250 250', '250 250'])
      expect(await told('friend@example.net', 'ann')).toBe('250 250')
      expect(await told('boss@work.example', 'ann')).toBe('250 250')
      expect(await told('friend@example.net', 'bob')).toBe('250 550')
      expect(await told('bobs.friend@example.net', 'bob')).toBe('250 250')
      expect(await told('', 'ann')).toBe('250 250')
      const reasons = app
        .transactions()
        .flatMap(({ recipients }) => recipients.map(({ reason }) => reason.because))
      expect(new Set(reasons)).toEqual(
        new Set(['known_senders_only', 'accept_senders', 'not judged']),
      )
      await rm(directory, { recursive: true })
    })
  },
)
