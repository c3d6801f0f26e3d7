/**
 * Debian's PostgreSQL and MariaDB, each in a place of its own, on a port of 127.0.0.1, with a
 * database `mail` and a user `rcptwise` who may read in it.
 */
import type { ChildProcess } from 'node:child_process'
import { connect } from 'node:net'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { interopObstacle } from '../../support/lab/availability.ts'
import { Place } from '../../support/lab/place.ts'
import { freePort } from '../../support/lab/ports.ts'
import { issue, type Issued } from '../../../src/tls/issue.ts'
import { until } from '../../support/lab/until.ts'

export type DatabaseKind = 'postgres' | 'mysql'

export interface DatabaseServer extends AsyncDisposable {
  readonly kind: DatabaseKind
  readonly port: number
  /** Of its certificate, in PEM. */
  readonly ca: string
  /** As its owner, over a connection of its own; the rows of the last statement. */
  readonly run: (...statements: readonly string[]) => Promise<readonly unknown[]>
  /** A session of its owner, for locks. */
  readonly session: (database?: string) => Promise<Session>
  /** Ends it at once. */
  readonly kill: () => Promise<void>
  /** Starts it again on the same port, with what was committed. */
  readonly startAgain: () => Promise<void>
}

export interface Session extends AsyncDisposable {
  readonly run: (statement: string) => Promise<readonly unknown[]>
}

/** Of both users. */
export const password = 'p4ss:w@rd/'

interface Recipe {
  readonly set: 'postgresql' | 'mariadb'
  readonly install: (place: Place) => Promise<void>
  readonly daemon: (port: number) => readonly string[]
  /** Options of it, for TLS with what stands at `/cert.pem` and `/key.pem`. */
  readonly tls: readonly string[]
  readonly session: (port: number, database: string) => Promise<Session>
  readonly prepare: readonly string[]
}

const recipes: Readonly<Record<DatabaseKind, Recipe>> = {
  postgres: {
    set: 'postgresql',
    install: installPostgres,
    daemon: (port) => [
      ...as('postgres'),
      '/usr/lib/postgresql/15/bin/postgres',
      ...['-D', '/data', '-p', String(port), '-h', '127.0.0.1', '-k', '', '-c', 'fsync=off'],
      ...['-c', 'shared_preload_libraries=pg_stat_statements'],
    ],
    tls: [...['-c', 'ssl=on', '-c', 'ssl_cert_file=/cert.pem', '-c', 'ssl_key_file=/key.pem']],
    session: postgresSession,
    prepare: [
      'CREATE DATABASE mail',
      `CREATE ROLE rcptwise LOGIN PASSWORD '${password}'`,
      'GRANT pg_read_all_data TO rcptwise',
    ],
  },
  mysql: {
    set: 'mariadb',
    install: installMariadb,
    daemon: (port) => [
      ...as('mysql'),
      '/usr/sbin/mariadbd',
      ...['--no-defaults', '--datadir=/data', `--port=${port}`, '--bind-address=127.0.0.1'],
      ...['--socket=/data/socket', '--skip-name-resolve', '--innodb-flush-log-at-trx-commit=2'],
    ],
    tls: ['--ssl-cert=/cert.pem', '--ssl-key=/key.pem'],
    session: mysqlSession,
    prepare: [
      'CREATE DATABASE mail CHARACTER SET utf8mb4',
      `CREATE USER rcptwise@'127.0.0.1' IDENTIFIED BY '${password}'`,
      `GRANT SELECT ON mail.* TO rcptwise@'127.0.0.1'`,
    ],
  },
}

const ids = { postgres: '910:910', mysql: '911:911' } as const
const as = (user: DatabaseKind): readonly string[] => [
  '/usr/sbin/chroot',
  `--userspec=${ids[user]}`,
  '/',
]

async function installPostgres(place: Place): Promise<void> {
  await place.directory('/data', { user: 'postgres', group: 'postgres', mode: 0o700 })
  await place.write('/password', password)
  await must(place, [
    ...as('postgres'),
    '/usr/lib/postgresql/15/bin/initdb',
    ...['-D', '/data', '-E', 'UTF8', '--no-locale', '-A', 'scram-sha-256', '-U', 'postgres'],
    ...['--pwfile', '/password', '--no-sync'],
  ])
}

async function installMariadb(place: Place): Promise<void> {
  await place.directory('/data', { user: 'mysql', group: 'mysql', mode: 0o700 })
  const tables = ['mysql_system_tables', 'mysql_performance_tables', 'mysql_system_tables_data']
  const scripts = await Promise.all(
    tables.map(async (name) => await place.read(`/usr/share/mysql/${name}.sql`)),
  )
  // Each statement on a line of its own, as it is read.
  const owner = [
    'FLUSH PRIVILEGES;',
    `CREATE USER owner@'127.0.0.1' IDENTIFIED BY '${password}';`,
    `GRANT ALL ON *.* TO owner@'127.0.0.1' WITH GRANT OPTION;`,
  ]
  const input = ['CREATE DATABASE mysql;\nUSE mysql;\n', ...scripts, ...owner, ''].join('\n')
  await must(
    place,
    [
      ...as('mysql'),
      '/usr/sbin/mariadbd',
      ...['--no-defaults', '--bootstrap', '--datadir=/data', '--skip-log-bin'],
    ],
    input,
  )
}

async function must(place: Place, [program = '', ...args]: readonly string[], input?: string) {
  const ran = await place.run(program, args, input === undefined ? {} : { input })
  if (ran.code !== 0) throw new Error(`${args.join(' ')}: ${ran.stdout}${ran.stderr}`)
}

async function postgresSession(port: number, database: string): Promise<Session> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password, database })
  client.on('error', () => undefined)
  await client.connect()
  return {
    run: async (statement) => (await client.query<Record<string, unknown>>(statement)).rows,
    [Symbol.asyncDispose]: async () => await client.end(),
  }
}

async function mysqlSession(port: number, database: string): Promise<Session> {
  const name = database === 'postgres' ? 'mysql' : database
  const connection = await createConnection({
    ...{ host: '127.0.0.1', port, user: 'owner', password, database: name, charset: 'utf8mb4' },
  })
  connection.on('error', () => undefined)
  return {
    async run(statement) {
      const [rows] = await connection.query(statement)
      return Array.isArray(rows) ? rows : []
    },
    async [Symbol.asyncDispose]() {
      connection.destroy()
      await Promise.resolve()
    },
  }
}

/** For this name alone. */
async function certificateFor(name: string): Promise<Issued> {
  const now = Date.now()
  return await issue({
    commonName: name,
    use: 'server',
    names: [name],
    notBefore: now - 3_600_000,
    notAfter: now + 86_400_000,
    keyBits: 2048,
  })
}

/** `tls`: with a certificate for this name. */
export async function startDatabase(
  kind: DatabaseKind,
  { tls }: { readonly tls?: string } = {},
): Promise<DatabaseServer> {
  const recipe = recipes[kind]
  const place = await Place.make(recipe.set)
  const port = await freePort()
  const start = async (): Promise<void> => {
    const more = tls === undefined ? [] : recipe.tls
    const [program = '', ...args] = [...recipe.daemon(port), ...more]
    const daemon: ChildProcess = await place.start(program, args)
    await until(
      `${kind} answers`,
      async () => {
        if (daemon.exitCode !== null) throw new Error(await place.read('/daemon.log'))
        return await answers(recipe, port)
      },
      { explain: async () => await place.read('/daemon.log') },
    )
  }
  const session = async (database = 'mail'): Promise<Session> =>
    await recipe.session(port, database)
  const pair = tls === undefined ? undefined : await certificateFor(tls)
  try {
    await recipe.install(place)
    if (pair !== undefined) {
      await place.write('/cert.pem', pair.cert)
      await place.write('/key.pem', pair.key, 0o600)
      await must(place, ['/usr/bin/chown', ids[kind], '/key.pem'])
    }
    await start()
    await using first = await recipe.session(port, 'postgres')
    for (const statement of recipe.prepare) await first.run(statement)
  } catch (error) {
    await place[Symbol.asyncDispose]()
    throw error
  }
  return {
    kind,
    port,
    ca: pair?.cert ?? '',
    session,
    async run(...statements) {
      await using one = await session()
      let rows: readonly unknown[] = []
      for (const statement of statements) rows = await one.run(statement)
      return rows
    },
    kill: async () => await place.kill(),
    startAgain: start,
    [Symbol.asyncDispose]: async () => await place[Symbol.asyncDispose](),
  }
}

async function answers(recipe: Recipe, port: number): Promise<boolean> {
  const listens = await new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.unref()
    setTimeout(() => socket.destroy(), 100)
  })
  if (!listens) return false
  try {
    await using one = await recipe.session(port, 'postgres')
    await one.run('SELECT 1')
    return true
  } catch {
    return false
  }
}

/** The reason why they can't run here; a failure when the tests with real programs are required. */
export function databaseObstacle(): string | undefined {
  const obstacle = interopObstacle()
  if (obstacle === undefined) return undefined
  if (process.env['RCPTWISE_REQUIRE_INTEROP'] === '1')
    throw new Error(`the databases are required: ${obstacle}`)
  console.error(`\n*** SKIPPED: no PostgreSQL and MariaDB: ${obstacle} ***\n`)
  return obstacle
}
