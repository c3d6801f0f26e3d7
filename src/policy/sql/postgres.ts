/** PostgreSQL, by a pool of connections that only read. */
import pg from 'pg'
import { mostRows, tooManyRows } from './bounds.ts'
import { OpenQuestions, unlessAborted } from '../open-questions.ts'
import type { Rows } from './rows.ts'
import { driverQuery, idleMs, type ServerSettings, UntranslatableKeyError } from './server.ts'
import type { Database } from './sql-store.ts'
import type { KeyLists } from './key-lists.ts'

/** A list is an array, and a query of one column. */
const list = (_name: string, index: number): string => `SELECT unnest($${index + 1}::text[])`

export function postgresDatabase(settings: ServerSettings): Database {
  return new PostgresDatabase(settings)
}

class PostgresDatabase implements Database {
  readonly name: string
  readonly #query: ReturnType<typeof driverQuery>
  readonly #pool: pg.Pool
  readonly #open = new OpenQuestions()
  #ended: Promise<void> | undefined

  constructor(settings: ServerSettings) {
    const { host, port, database, user, password, tls, connections, limitMs } = settings
    this.name = `postgres:${database}@${host}`
    this.#query = driverQuery(settings.query, list)
    this.#pool = new pg.Pool({
      host,
      port,
      database,
      user,
      password: password ?? '',
      ssl: tls === undefined ? false : tls.ca === '' ? true : { ca: tls.ca },
      max: connections,
      idleTimeoutMillis: idleMs,
      connectionTimeoutMillis: limitMs,
      statement_timeout: limitMs,
      keepAlive: true,
      application_name: 'rcptwise',
      options: '-c default_transaction_read_only=on',
      allowExitOnIdle: true,
    })
    // Of a connection that nobody uses at the moment: the next question opens another one.
    this.#pool.on('error', () => undefined)
  }

  async ask(lists: KeyLists, asked: AbortSignal): Promise<Rows> {
    const signal = this.#open.signal(asked)
    const connecting = this.#pool.connect()
    let client: pg.PoolClient
    try {
      client = await unlessAborted(connecting, signal)
    } catch (error) {
      connecting.then(
        (late) => late.release(),
        () => undefined,
      )
      throw error
    }
    // What is still under way on it can't be awaited by anybody else.
    let broken: Error | undefined
    try {
      const values = this.#query.lists.map((name) => lists[name])
      const { text } = this.#query
      return await unlessAborted(rowsOf(client, { text, values, rowMode: 'array' }), signal)
    } catch (error) {
      const why = error instanceof Error ? error : new Error(String(error))
      if (untranslatable(why)) throw new UntranslatableKeyError(why.message)
      broken = why
      throw why
    } finally {
      client.release(broken)
    }
  }

  async close(): Promise<void> {
    this.#open.close()
    await (this.#ended ??= this.#pool.end())
  }
}

/** Not more of them than there may be: the rest is not read. */
async function rowsOf(client: pg.PoolClient, question: pg.QueryArrayConfig): Promise<Rows> {
  const { promise, resolve, reject } = Promise.withResolvers<Rows>()
  const rows: unknown[][] = []
  const asking = new pg.Query<unknown[]>(question)
  asking.on('row', (row) => {
    if (rows.length < mostRows) rows.push(row)
    else reject(tooManyRows())
  })
  asking.on('error', reject)
  asking.on('end', ({ fields }) => resolve({ columns: fields.map(({ name }) => name), rows }))
  client.query(asking)
  return await promise
}

/** 22P05 and 22021: the encoding of the database has no such character. */
const untranslatable = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && (error.code === '22P05' || error.code === '22021')
