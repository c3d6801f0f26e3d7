/**
 * The queries in docs/sites, as they are written there, with the tables that these systems have:
 * names, types and keys of their columns, without those that nobody asks for.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { reportOn } from '../../../src/app/recipient-report.ts'
import type { Config, SourceConfig } from '../../../src/config/config.ts'
import { parseConfig } from '../../../src/config/load.ts'
import type { Policy } from '../../../src/verdict/policy.ts'
import {
  databaseObstacle,
  type DatabaseServer,
  password,
  startDatabase,
} from './database-server.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const obstacle = databaseObstacle()
let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rcptwise-sites-'))
  writeFileSync(join(directory, 'password'), password)
})
afterAll(() => rmSync(directory, { recursive: true }))

const pages = readdirSync(join(root, 'docs', 'sites'))
const textOf = (page: string): string => readFileSync(join(root, 'docs', 'sites', page), 'utf8')
const blocksOf = (page: string): readonly string[] =>
  [...textOf(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([whole]) => whole)
/** Blocks that a test has run. */
const tried = new Set<string>()

/** The text of a block in a page. */
function block(page: string, language: 'yaml' | 'sql', nth = 0): string {
  const start = '```' + language + '\n'
  const whole = blocksOf(page).filter((one) => one.startsWith(start))[nth]
  if (whole === undefined) throw new Error(`${page} has no ${language} ${nth}`)
  tried.add(`${page} ${whole}`)
  return whole.slice(start.length, -'```'.length)
}

/** Statements of a block as they are written there, but for the password. */
const statements = (page: string, nth = 0): readonly string[] =>
  block(page, 'sql', nth)
    .replace("'…'", `'${password}'`)
    .split(/;\n/)
    .filter((statement) => statement.trim() !== '')

/** A database by the name that the page has, and nobody yet who may read in it. */
async function prepare(
  server: DatabaseServer,
  database: string,
  ...tables: readonly string[]
): Promise<void> {
  const nobody =
    server.kind === 'mysql'
      ? ["DROP USER IF EXISTS rcptwise@'127.0.0.1', rcptwise@'%'"]
      : ['DROP ROLE rcptwise']
  await server.run(...nobody, `CREATE DATABASE ${database}`)
  await inDatabase(server, database, tables)
}

async function inDatabase(
  server: DatabaseServer,
  database: string,
  all: readonly string[],
): Promise<void> {
  await using session = await server.session(database)
  for (const statement of all) await session.run(statement)
}

/** The configuration in a page, with its sources elsewhere. */
function configOf(page: string, elsewhere: Partial<SourceConfig>, nth = 0): Config {
  return configIn(block(page, 'yaml', nth), elsewhere)
}

function configIn(yaml: string, elsewhere: Partial<SourceConfig>): Config {
  const loaded = parseConfig(yaml, join(directory, 'config.yaml'))
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  const { config } = loaded
  const { sources, aliases } = config.recipients
  const moved = (source: SourceConfig): SourceConfig =>
    ({ ...source, ...elsewhere }) as SourceConfig
  return {
    ...config,
    recipients: {
      ...config.recipients,
      sources: sources.map(moved),
      aliases: aliases.map(moved),
    },
  }
}

/** Where the server of the page is here. */
const at = (server: DatabaseServer): Partial<SourceConfig> =>
  ({ port: server.port, passwordFile: join(directory, 'password') }) as const

/** What each has; those whom the source does not know have the default policy. */
async function policiesOf(
  config: Config,
  addresses: readonly string[],
): Promise<Readonly<Record<string, Partial<Policy>>>> {
  const reports = await reportOn({ addresses, sender: '' }, config)
  const told = reports.flatMap(({ mailboxes }) => mailboxes.flatMap((each) => each.told))
  expect(told.map(({ answer }) => answer.kind)).not.toContain('failed')
  return Object.fromEntries(
    reports.map(({ address, policy }) => [
      address,
      policy?.several === undefined
        ? saidBy(policy)
        : { [policy.several.which]: policy.several.of.map(saidBy) },
    ]),
  )
}

const saidBy = (policy: Policy | undefined): Partial<Policy> =>
  Object.fromEntries(
    Object.entries({ ...policy }).filter(([field]) => field !== 'name' && field !== 'neverDefer'),
  )

describe.skipIf(obstacle !== undefined)('mailcow', () => {
  test('each user and alias has their own limits, the domain those that a user has not set', async () => {
    await using server = await startDatabase('mysql')
    await prepare(
      server,
      'mailcow',
      `CREATE TABLE alias (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, address VARCHAR(255) NOT NULL UNIQUE,
        goto TEXT NOT NULL, domain VARCHAR(255) NOT NULL, active TINYINT(1) NOT NULL DEFAULT 1, KEY domain (domain))
        ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 ROW_FORMAT=DYNAMIC`,
      `CREATE TABLE filterconf (object VARCHAR(255) NOT NULL DEFAULT '', \`option\` VARCHAR(50) NOT NULL DEFAULT '',
        value VARCHAR(100) NOT NULL DEFAULT '', prefid INT(11) NOT NULL AUTO_INCREMENT PRIMARY KEY, KEY object (object))
        ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 ROW_FORMAT=DYNAMIC`,
      `INSERT INTO alias (address, goto, domain) VALUES
        ('ann@example.org', 'ann@example.org', 'example.org'),
        ('info@example.org', 'ann@example.org', 'example.org'),
        ('bob@example.org', 'bob@example.org', 'example.org'),
        ('team@example.org', 'ann@example.org,bob@example.org', 'example.org'),
        ('@example.org', 'ann@example.org', 'example.org'),
        ('eve@example.net', 'eve@example.net', 'example.net')`,
      `INSERT INTO filterconf (object, \`option\`, value) VALUES
        ('ann@example.org', 'lowspamlevel', '4'), ('ann@example.org', 'highspamlevel', '6.5'),
        ('ann@example.org', 'whitelist_from', '*@friends.example'),
        ('ann@example.org', 'whitelist_from', 'carol@example.com'),
        ('ann@example.org', 'whitelist_from', '*.strange*pattern'),
        ('ann@example.org', 'blacklist_from', 'spam@example.com'),
        ('example.org', 'highspamlevel', '10')`,
    )
    await inDatabase(server, 'mailcow', statements('mailcow.md'))
    const ann = { tagAt: 4, rejectAt: 6.5 }
    const ofDomain = { tagAt: 8, rejectAt: 10 }
    const found = await policiesOf(configOf('mailcow.md', at(server)), [
      'ann@example.org',
      'Info+x@example.org',
      'bob@example.org',
      'team@example.org',
      'anybody@example.org',
      'eve@example.net',
    ])
    expect(found).toMatchObject({
      'ann@example.org': ann,
      'Info+x@example.org': ann,
      'bob@example.org': ofDomain,
      'team@example.org': ofDomain,
      'anybody@example.org': ofDomain,
      'eve@example.net': { tagAt: 8, rejectAt: 15 },
    })
    expect(JSON.stringify(listsOf(found['ann@example.org']))).toBe(
      '[["@friends.example","carol@example.com"],["spam@example.com"]]',
    )
  })
})

const listsOf = (policy: Partial<Policy> | undefined): unknown[] =>
  [policy?.acceptSenders, policy?.refuseSenders].map((list) => [...(list ?? [])].toSorted())

describe.skipIf(obstacle !== undefined)("amavis' tables as iRedMail has them", () => {
  test('the row of the detail, of the user, of the domain, column by column', async () => {
    await using server = await startDatabase('postgres')
    await prepare(
      server,
      'amavisd',
      `CREATE TABLE users (id serial PRIMARY KEY, priority integer NOT NULL DEFAULT '7',
        policy_id integer NOT NULL DEFAULT '1' CHECK (policy_id >= 0), email bytea NOT NULL UNIQUE, fullname varchar(255))`,
      `CREATE TABLE policy (id serial PRIMARY KEY, policy_name varchar(255), spam_lover char(1), bypass_spam_checks char(1),
        spam_quarantine_to varchar(64), spam_tag_level real, spam_tag2_level real, spam_kill_level real, message_size_limit integer)`,
      `INSERT INTO policy (id, spam_lover, bypass_spam_checks, spam_tag2_level, spam_kill_level, message_size_limit) VALUES
        (1, NULL, NULL, 6.2, 6.9, NULL), (2, 'N', 'N', NULL, 9, 1000000), (3, 'Y', 'N', 5, 999, 0), (4, 'N', 'Y', 5, 5, NULL)`,
      `INSERT INTO users (priority, policy_id, email) VALUES
        (5, 1, '@example.org'), (7, 2, 'ann@example.org'), (9, 4, 'ann+all@example.org'), (7, 3, 'bob@example.org')`,
    )
    await inDatabase(server, 'amavisd', statements('iredmail.md'))
    const found = await policiesOf(configOf('iredmail.md', at(server)), [
      'ann@example.org',
      'ann+all@example.org',
      'ANN+x@example.org',
      'bob@example.org',
      'eve@example.org',
      'eve@example.net',
    ])
    const ann = { tagAt: 6.2, rejectAt: 9, maxSizeBytes: 1_000_000 }
    expect(found).toEqual({
      'ann@example.org': ann,
      'ann+all@example.org': { maxSizeBytes: 1_000_000 },
      'ANN+x@example.org': ann,
      'bob@example.org': { tagAt: 5 },
      'eve@example.org': { tagAt: 6.2, rejectAt: 6.9 },
      'eve@example.net': { tagAt: 6, rejectAt: 15 },
    })
  })
})

const mailuTable = [
  `CREATE TABLE "user" (email VARCHAR(255) NOT NULL PRIMARY KEY, localpart VARCHAR(80) NOT NULL,
    spam_enabled BOOLEAN NOT NULL, spam_threshold INTEGER NOT NULL)`,
  `INSERT INTO "user" VALUES ('ann@example.org', 'ann', true, 40), ('bob@example.org', 'bob', false, 80)`,
]
const mailuUsers = {
  'ann@example.org': { tagAt: 6, rejectAt: 11 },
  'bob@example.org': {},
  'eve@example.org': { tagAt: 12, rejectAt: 17 },
}

test('Mailu: each user by their own threshold', async () => {
  const path = join(directory, 'main.db')
  {
    using database = new DatabaseSync(path)
    for (const statement of mailuTable) database.exec(statement)
  }
  expect(await policiesOf(configOf('mailu.md', { path }), Object.keys(mailuUsers))).toEqual(
    mailuUsers,
  )
})

test.skipIf(obstacle !== undefined)('Mailu with PostgreSQL', async () => {
  await using server = await startDatabase('postgres')
  await prepare(server, 'mailu', ...mailuTable)
  await inDatabase(server, 'mailu', statements('mailu.md'))
  expect(await policiesOf(configOf('mailu.md', at(server), 1), Object.keys(mailuUsers))).toEqual(
    mailuUsers,
  )
})

describe.skipIf(obstacle !== undefined)('systems with MySQL', () => {
  let server: DatabaseServer
  beforeAll(async () => {
    server = await startDatabase('mysql')
  })
  afterAll(async () => await server[Symbol.asyncDispose]())

  test('ISPConfig: the row of the mailbox, or of its domain; forwardings', async () => {
    await prepare(
      server,
      'dbispconfig',
      `CREATE TABLE spamfilter_users (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, sys_userid INT UNSIGNED NOT NULL DEFAULT 0,
        server_id INT UNSIGNED NOT NULL DEFAULT 0, priority TINYINT UNSIGNED NOT NULL DEFAULT 7, policy_id INT UNSIGNED NOT NULL DEFAULT 1,
        email VARCHAR(255) NOT NULL DEFAULT '', fullname VARCHAR(64) DEFAULT NULL, local VARCHAR(1) DEFAULT NULL, UNIQUE KEY email (email))
        DEFAULT CHARSET=utf8mb4`,
      `CREATE TABLE spamfilter_policy (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, policy_name VARCHAR(64), spam_lover ENUM('N','Y') DEFAULT 'N',
        spam_tag2_level DECIMAL(5,2), spam_kill_level DECIMAL(5,2), rspamd_greylisting ENUM('n','y') NOT NULL DEFAULT 'n',
        rspamd_spam_greylisting_level DECIMAL(5,2), rspamd_spam_tag_level DECIMAL(5,2), rspamd_spam_kill_level DECIMAL(5,2))`,
      `CREATE TABLE spamfilter_wblist (wblist_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, wb ENUM('W','B') NOT NULL DEFAULT 'W',
        rid INT UNSIGNED NOT NULL DEFAULT 0, email VARCHAR(255) NOT NULL DEFAULT '', priority TINYINT UNSIGNED NOT NULL DEFAULT 0,
        active ENUM('y','n') NOT NULL DEFAULT 'y')`,
      `CREATE TABLE mail_forwarding (forwarding_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, source VARCHAR(255) NOT NULL DEFAULT '',
        destination TEXT, type ENUM('alias','aliasdomain','forward','catchall') NOT NULL DEFAULT 'alias', active ENUM('n','y') NOT NULL)`,
      `INSERT INTO spamfilter_policy (id, spam_lover, rspamd_greylisting, rspamd_spam_tag_level, rspamd_spam_kill_level) VALUES
        (1, 'N', 'n', 8, 12), (2, 'N', 'y', 4, 6.5), (3, 'Y', 'y', 4, 6)`,
      `INSERT INTO spamfilter_users (id, policy_id, email) VALUES (1, 1, '@example.org'), (2, 2, 'ann@example.org'),
        (3, 0, 'bob@example.org'), (4, 3, 'eve@example.org')`,
      `INSERT INTO spamfilter_wblist (rid, wb, email, active) VALUES (2, 'W', '@friends.example', 'y'), (2, 'W', 'carol@example.com', 'y'),
        (2, 'B', 'spam@example.com', 'y'), (2, 'B', 'old@example.com', 'n'), (2, 'W', 'no address', 'y')`,
      `INSERT INTO mail_forwarding (source, destination, type, active) VALUES ('info@example.org', 'ann@example.org', 'alias', 'y'),
        ('@old.example', '@example.org', 'aliasdomain', 'y'), ('x@example.org', 'ann@example.org', 'alias', 'n')`,
    )
    await inDatabase(server, 'dbispconfig', statements('ispconfig.md'))
    const config = configOf('ispconfig.md', at(server))
    const found = await policiesOf(config, [
      'Ann@example.org',
      'bob@example.org',
      'eve@example.org',
      'a@b.example',
    ])
    expect(found).toMatchObject({
      'Ann@example.org': { tagAt: 4, rejectAt: 6.5 },
      'bob@example.org': { tagAt: 8, rejectAt: 12, noGreylisting: true },
      'a@b.example': { tagAt: 6, rejectAt: 15 },
    })
    expect(found['eve@example.org']).toEqual({})
    expect(listsOf(found['Ann@example.org'])).toEqual([
      ['@friends.example', 'carol@example.com'],
      ['spam@example.com'],
    ])
    await inDatabase(server, 'dbispconfig', statements('ispconfig.md', 1))
    const { aliases } = configOf('ispconfig.md', at(server), 1).recipients
    const withAliases = { ...config, recipients: { ...config.recipients, aliases } }
    const behind = await policiesOf(withAliases, [
      'info@example.org',
      'ann@old.example',
      'x@example.org',
    ])
    expect(behind).toMatchObject({
      'info@example.org': { rejectAt: 6.5 },
      'ann@old.example': { rejectAt: 6.5 },
      'x@example.org': { rejectAt: 12 },
    })
  })

  test("SpamAssassin's userpref: the user's own, the domain's, the default", async () => {
    await prepare(
      server,
      'spamassassin',
      `CREATE TABLE userpref (username VARCHAR(100) NOT NULL, preference VARCHAR(50) NOT NULL, value VARCHAR(100) NOT NULL,
        prefid INT NOT NULL AUTO_INCREMENT PRIMARY KEY, KEY username (username))`,
      `INSERT INTO userpref (username, preference, value) VALUES ('@GLOBAL', 'required_score', '9'), ('ann@example.org', 'required_score', '4.5'),
        ('ann@example.org', 'whitelist_from', '*@friends.example'), ('ann@example.org', 'whitelist_from', '*.strange?'),
        ('%example.org', 'required_hits', '7'), ('%example.org', 'blacklist_from', 'spam@example.com'), ('bob@example.org', 'rewrite_header', 'x')`,
    )
    await inDatabase(server, 'spamassassin', statements('spamassassin-userpref.md'))
    const found = await policiesOf(configOf('spamassassin-userpref.md', at(server)), [
      'ann@example.org',
      'Bob@Example.org',
      'eve@example.net',
    ])
    expect(found).toMatchObject({
      'ann@example.org': { tagAt: 4.5, rejectAt: 14.5 },
      'Bob@Example.org': { tagAt: 7, rejectAt: 17 },
      'eve@example.net': { tagAt: 5, rejectAt: 15 },
    })
    expect(listsOf(found['ann@example.org'])).toEqual([['@friends.example'], ['spam@example.com']])
  })

  test('PostfixAdmin with a table of its own: aliases, domain aliases, a catch-all', async () => {
    await prepare(
      server,
      'postfix',
      `CREATE TABLE alias (address VARCHAR(255) NOT NULL PRIMARY KEY, goto TEXT NOT NULL, domain VARCHAR(255) NOT NULL,
        active TINYINT(1) NOT NULL DEFAULT 1)`,
      `CREATE TABLE alias_domain (alias_domain VARCHAR(255) NOT NULL PRIMARY KEY, target_domain VARCHAR(255) NOT NULL,
        active TINYINT(1) NOT NULL DEFAULT 1)`,
      `INSERT INTO alias (address, goto, domain) VALUES ('ann@example.org', 'ann@example.org', 'example.org'),
        ('bob@example.org', 'bob@example.org', 'example.org'), ('team@example.org', 'ann@example.org,bob@example.org', 'example.org'),
        ('@example.org', 'bob@example.org', 'example.org')`,
      `INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('old.example', 'example.org')`,
    )
    await inDatabase(server, 'postfix', [
      ...statements('postfixadmin.md'),
      `INSERT INTO spam_wishes VALUES ('ann@example.org', 3, NULL), ('bob@example.org', NULL, 20), ('@example.org', 5, 10)`,
    ])
    const config = configOf('postfixadmin.md', at(server))
    const addresses = [
      'ann@example.org',
      'ann@old.example',
      'team@example.org',
      'who@example.org',
      'a@b.example',
    ]
    expect(await policiesOf(config, addresses)).toEqual({
      'ann@example.org': { tagAt: 3, rejectAt: 10 },
      'ann@old.example': { tagAt: 3, rejectAt: 10 },
      'team@example.org': {
        mildest: [
          { tagAt: 3, rejectAt: 10 },
          { tagAt: 5, rejectAt: 20 },
        ],
      },
      'who@example.org': { tagAt: 5, rejectAt: 20 },
      'a@b.example': { tagAt: 6, rejectAt: 15 },
    })
  })

  test('Mailu and the tables of amavis in MySQL, as their pages say', async () => {
    const inMysql = { ...at(server), host: '127.0.0.1', user: 'rcptwise' }
    await prepare(
      server,
      'amavisd',
      `CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, priority INT NOT NULL DEFAULT 7, policy_id INT NOT NULL DEFAULT 1,
        email VARBINARY(255) NOT NULL UNIQUE)`,
      `CREATE TABLE policy (id INT AUTO_INCREMENT PRIMARY KEY, spam_lover CHAR(1), bypass_spam_checks CHAR(1),
        spam_tag2_level FLOAT, spam_kill_level FLOAT, message_size_limit INT)`,
      `INSERT INTO policy VALUES (1, NULL, NULL, 6.5, 7.5, NULL), (2, 'Y', 'N', 5, 9, 1000000)`,
      `INSERT INTO users (priority, policy_id, email) VALUES (5, 1, '@example.org'), (7, 2, 'ann@example.org')`,
      ...mailuTable.map((statement) => statement.replaceAll('"', '`')),
      `CREATE USER rcptwise@'127.0.0.1' IDENTIFIED BY '${password}'`,
      `GRANT SELECT ON amavisd.* TO rcptwise@'127.0.0.1'`,
    )
    const amavis = block('iredmail.md', 'yaml')
      .replace('- postgres:', '- mysql:')
      .replaceAll('::text', '')
      .replace(/IN \(SELECT .*/, 'IN (:keys)')
    expect(
      await policiesOf(configIn(amavis, inMysql), ['Ann@example.org', 'bob@example.org']),
    ).toEqual({
      'Ann@example.org': { tagAt: 5, maxSizeBytes: 1_000_000 },
      'bob@example.org': { tagAt: 6.5, rejectAt: 7.5 },
    })
    const mailu = block('mailu.md', 'yaml').replace(
      /- sqlite:\n +path: .*/,
      '- mysql:\n        host: 127.0.0.1\n        database: amavisd\n        user: rcptwise\n        password_file: x',
    )
    expect(await policiesOf(configIn(mailu, inMysql), Object.keys(mailuUsers))).toEqual(mailuUsers)
  })
})

test.skipIf(obstacle !== undefined)('no block of these pages is left out above', () => {
  const all = pages.flatMap((page) => blocksOf(page).map((whole) => `${page} ${whole}`))
  expect(all.filter((each) => !tried.has(each))).toEqual([])
  expect(all.length).toBeGreaterThan(10)
})
