/** The tables of the history, and how its file is opened. */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

/** "RcHi": which program's file it is. */
export const applicationId = 0x52634869
const schemaVersion = 3
export const pageBytes = 4096

/**
 * batch: attempts that were written together (batch-text.ts), of which the first has its id, and
 * each other the next one; ids rise with time. term: where each attempt is found (terms.ts,
 * segments.ts). closing: how a split ended. gap: when something could not be written. run: who
 * writes, and until when all is written. seed: of the keys of terms.
 */
const tables = `
  create table batch (
    id integer primary key,
    attempts integer not null,
    from_at integer not null,
    until_at integer not null,
    packed blob not null
  ) strict;

  create table term (
    bucket integer not null,
    attempt integer not null,
    primary key (bucket, attempt)
  ) strict, without rowid;

  create table closing (
    split text not null,
    outcome text not null,
    at integer not null,
    recipients text not null,
    primary key (split, outcome)
  ) strict, without rowid;
  create index closing_at on closing (at);

  create table gap (
    id integer primary key,
    from_at integer not null,
    until_at integer not null,
    attempts integer,
    why text not null
  ) strict;

  create table run (
    slot text primary key,
    addresses text not null,
    started_at integer not null,
    written_until integer not null,
    ended_at integer
  ) strict, without rowid;

  create table seed (value integer not null) strict;
  insert into seed values (random() & 0xffffffff);
`

/** It holds addresses: only its owner may read it. */
function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

export interface OpenOptions {
  readonly path: string
  /** The file is full at this size. */
  readonly maxSizeBytes: number
}

/** Another process of the same front-end may be writing. */
const busyTimeoutMs = 10_000

/**
 * For a thread that may wait for the disk. What is deleted is overwritten, so that an address is
 * gone when its time is over.
 * @throws what SQLite throws, and an Error for a file that is no history.
 */
export function openHistoryFile({ path, maxSizeBytes }: OpenOptions): DatabaseSync {
  makePrivate(path)
  const database = new DatabaseSync(path, {
    timeout: busyTimeoutMs,
    enableForeignKeyConstraints: false,
  })
  try {
    database.exec(`
      pragma journal_mode = wal; pragma synchronous = normal; pragma secure_delete = on;
      pragma journal_size_limit = 16777216; pragma wal_autocheckpoint = 4000; pragma cache_size = -32768; pragma temp_store = memory;
      pragma trusted_schema = off; pragma max_page_count = ${Math.ceil(maxSizeBytes / pageBytes)}`)
    database.exec('begin immediate')
    const isNew =
      numberOf(database, 'application_id') === 0 && numberOf(database, 'user_version') === 0
    if (isNew)
      database.exec(
        `${tables} pragma application_id = ${applicationId}; pragma user_version = ${schemaVersion}`,
      )
    database.exec('commit')
    // So that its first octets say whose it is.
    if (isNew) database.exec('pragma wal_checkpoint(truncate)')
    refuseForeign(database, path)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * For whoever only asks, beside a Rcptwise that writes or after it. @throws as above.
 */
export function openHistoryReadOnly(path: string): DatabaseSync {
  const url = pathToFileURL(path)
  // Nobody writes: else SQLite would have to make the files of the log beside it.
  if (statSync(`${path}-wal`, { throwIfNoEntry: false }) === undefined)
    url.searchParams.set('immutable', '1')
  const database = new DatabaseSync(url, { readOnly: true, timeout: busyTimeoutMs })
  try {
    refuseForeign(database, path)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function refuseForeign(database: DatabaseSync, path: string): void {
  if (numberOf(database, 'application_id') !== applicationId)
    throw new Error(`${path} is no history of Rcptwise`)
  if (numberOf(database, 'user_version') !== schemaVersion)
    throw new Error(
      `${path} was written by another release of Rcptwise: move it away, and Rcptwise begins a new one`,
    )
}

export const numberOf = (database: DatabaseSync, pragma: string): number =>
  Number(Object.values(database.prepare(`pragma ${pragma}`).get() ?? {})[0])
