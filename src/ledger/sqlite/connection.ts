/** How the ledger's file is opened, by the main thread and by the checkpoint thread. */
import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'

export interface ConnectionOptions {
  readonly path: string
  /** How long a call may wait for another connection; 0 where the event loop would wait with it. */
  readonly busyTimeoutMs: number
  /** The file is full at this size; absent: when the disk is. */
  readonly maxFileBytes?: number | undefined
}

const pageBytes = 4096

/**
 * Opens the file, or makes it. No checkpoint is ever made by a commit on this connection
 * (checkpoint-worker.ts makes them), and a commit is not synced to the disk: it survives a kill of
 * the process, but a power failure may take the last moments
 * (https://www.sqlite.org/pragma.html#pragma_synchronous).
 * @throws what SQLite throws.
 */
export function openConnection({
  path,
  busyTimeoutMs,
  maxFileBytes,
}: ConnectionOptions): DatabaseSync {
  const database = new DatabaseSync(path, {
    timeout: busyTimeoutMs,
    enableForeignKeyConstraints: false,
  })
  try {
    database.exec(`
      pragma synchronous = normal; pragma wal_autocheckpoint = 0; pragma cache_size = -16384;
      pragma temp_store = memory; pragma trusted_schema = off`)
    if (maxFileBytes !== undefined)
      database.exec(`pragma max_page_count = ${Math.ceil(maxFileBytes / pageBytes)}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** A write of no meaning. */
export function touch(database: DatabaseSync): void {
  database.exec('update file set touched = touched + 1')
}

/**
 * What stands at the path when that is no file, and what to do; undefined for a file, and where
 * nothing is. SQLite would wait for ever at a FIFO, and say of the others only that it can't open
 * them.
 */
export function notAFile(path: string): string | undefined {
  const status = statSync(path, { throwIfNoEntry: false })
  if (status === undefined || status.isFile()) return undefined
  if (status.isDirectory())
    return `is a directory; write the name of a file in it in the configuration (ledger: ${path}/ledger.db)`
  const what = status.isFIFO() ? 'a FIFO' : status.isSocket() ? 'a socket' : 'a device'
  return `is ${what} and not a file; write the name of another file in the configuration (ledger), or remove what is there`
}

/**
 * For reading what can be read of a file that can't be written. Without a log beside it the file is
 * taken for one that nobody writes: else SQLite would have to make the files of the log, in a
 * directory that may be read-only.
 * @throws what SQLite throws.
 */
export function openReadOnly(path: string): DatabaseSync {
  const odd = notAFile(path)
  if (odd !== undefined) throw new Error(`${path} ${odd}`)
  const url = pathToFileURL(path)
  if (statSync(`${path}-wal`, { throwIfNoEntry: false }) === undefined)
    url.searchParams.set('immutable', '1')
  return new DatabaseSync(url, { readOnly: true, timeout: 0, enableForeignKeyConstraints: false })
}
