/**
 * The thread of a SQLite source: SQLite's calls return when they are done, and the event loop is
 * not to wait for a table without an index, or for somebody who writes. It opens the file when it
 * is first asked, and again when another file has taken its place.
 */
import { statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { mostRows, tooManyRows } from './bounds.ts'
import type { SqliteAnswer, SqliteQuestion, ThreadSettings } from './sqlite.ts'
import type { Rows } from './rows.ts'

/** Somebody who writes is done by then; `timeouts.policy` ends the question besides. */
const busyTimeoutMs = 500

interface Opened {
  readonly database: DatabaseSync
  readonly statement: StatementSync
  readonly identity: string
}

const { path, text } = workerData as ThreadSettings
let opened: Opened | undefined

function identify(): string {
  const status = statSync(path, { bigint: true, throwIfNoEntry: false })
  if (status === undefined) throw new Error(`there is no file ${path}`)
  // SQLite would wait for ever at a FIFO.
  if (!status.isFile()) throw new Error(`${path} is no file`)
  return `${status.dev}:${status.ino}`
}

function connection(): Opened {
  const identity = identify()
  if (opened?.identity === identity) return opened
  close()
  const database = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs })
  try {
    const statement = database.prepare(text)
    statement.setReturnArrays(true)
    opened = { database, statement, identity }
    return opened
  } catch (error) {
    database.close()
    throw error
  }
}

function close(): void {
  opened?.database.close()
  opened = undefined
}

function ask(parameters: readonly string[]): Rows {
  const { statement } = connection()
  const rows: unknown[][] = []
  for (const row of statement.iterate(...parameters)) {
    if (rows.length === mostRows) throw tooManyRows()
    rows.push(row as unknown as unknown[])
  }
  return { columns: statement.columns().map(({ name }) => name), rows }
}

parentPort?.on('message', (parameters: SqliteQuestion) => {
  let answer: SqliteAnswer
  try {
    answer = { kind: 'rows', rows: ask(parameters) }
  } catch (error) {
    // The next question looks at the file anew.
    close()
    answer = { kind: 'failed', why: error instanceof Error ? error.message : String(error) }
  }
  parentPort?.postMessage(answer)
})
