/** MySQL and MariaDB, by a pool of connections that only read. */
import { createPool, type Pool, type PoolConnection } from 'mysql2'
import type { PoolConnection as Connection } from 'mysql2/promise'
import { mostLists, mostRows, tooManyRows } from './bounds.ts'
import { OpenQuestions, unlessAborted } from '../open-questions.ts'
import type { Rows } from './rows.ts'
import { driverQuery, idleMs, type ServerSettings, UntranslatableKeyError } from './server.ts'
import type { Database } from './sql-store.ts'
import type { KeyLists } from './key-lists.ts'

export function mysqlDatabase(settings: ServerSettings): Database {
  return new MysqlDatabase(settings)
}

class MysqlDatabase implements Database {
  readonly name: string
  readonly #query: string
  readonly #pool: Pool
  readonly #open = new OpenQuestions()
  #ended: Promise<void> | undefined

  constructor(settings: ServerSettings) {
    const { host, port, database, user, password, tls, connections, limitMs } = settings
    this.name = `mysql:${database}@${host}`
    // A mistake in it is told now.
    if (driverQuery(settings.query, () => '').lists.length > mostLists)
      throw new Error(`the query has more than ${mostLists} lists of keys`)
    this.#query = settings.query
    this.#pool = createPool({
      ...(host.startsWith('/') ? { socketPath: host } : { host, port }),
      database,
      user,
      password: password ?? '',
      // The driver compares no name unless it is told to.
      ...(tls !== undefined && {
        ssl: { verifyIdentity: true, ...(tls.ca !== '' && { ca: tls.ca }) },
      }),
      connectionLimit: connections,
      maxIdle: connections,
      idleTimeout: idleMs,
      connectTimeout: limitMs,
      charset: 'utf8mb4',
      rowsAsArray: true,
      decimalNumbers: true,
      disableEval: true,
      enableKeepAlive: true,
    })
    this.#pool.on('connection', (connection) => prepare(connection, limitMs))
  }

  async ask(lists: KeyLists, asked: AbortSignal): Promise<Rows> {
    const signal = this.#open.signal(asked)
    const connecting = this.#pool.promise().getConnection()
    let connection: Connection
    try {
      connection = await unlessAborted(connecting, signal)
    } catch (error) {
      connecting.then(
        (late) => late.release(),
        () => undefined,
      )
      throw error
    }
    try {
      const { text, values } = this.#filled(lists)
      const [rows, fields] = await unlessAborted(connection.execute(text, values), signal)
      connection.release()
      if ((rows as unknown[]).length > mostRows) throw tooManyRows()
      return { columns: fields.map(({ name }) => name), rows: rows as unknown[][] }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (untranslatable(error)) {
        connection.release()
        throw new UntranslatableKeyError(why)
      }
      // What is still under way on it can't be awaited by anybody else.
      connection.destroy()
      throw error
    }
  }

  async close(): Promise<void> {
    this.#open.close()
    // It rejects where a connection was still being made.
    await (this.#ended ??= this.#pool
      .promise()
      .end()
      .catch(() => undefined))
  }

  /** There are no lists: each key has its own parameter. */
  #filled(lists: KeyLists): { readonly text: string; readonly values: string[] } {
    const values: string[] = []
    const { text } = driverQuery(this.#query, (name) => {
      const keys = padded(lists[name])
      values.push(...keys)
      return keys.map(() => '?').join(', ')
    })
    return { text, values }
  }
}

/**
 * To the next power of two, so that the server has few statements to prepare. An empty list is one
 * of a key that nobody has.
 */
function padded(keys: readonly string[]): readonly string[] {
  const last = keys.at(-1) ?? ''
  const size = 2 ** Math.ceil(Math.log2(Math.max(1, keys.length)))
  return [...keys, ...Array.from({ length: size - keys.length }, () => last)]
}

/**
 * Nothing is written, and what takes too long or gives too many rows ends at the server, too: `M!`
 * is read by MariaDB alone, `!50708` by MySQL alone.
 */
function prepare(connection: PoolConnection, limitMs: number): void {
  const ends = `/*!50708 SESSION max_execution_time = ${limitMs}, */ /*M!100101 SESSION max_statement_time = ${limitMs / 1000}, */`
  const rows = `sql_select_limit = ${mostRows + 1}`
  for (const text of ['SET SESSION TRANSACTION READ ONLY', `SET ${ends} SESSION ${rows}`])
    connection.query(text, () => undefined)
}

/** Illegal mix of two, of three and of more collations; strings that can't be converted. */
const untranslatableErrors: ReadonlySet<unknown> = new Set([1267, 1270, 1271, 3988, 3854])

const untranslatable = (error: unknown): boolean =>
  error instanceof Error && 'errno' in error && untranslatableErrors.has(error.errno)
