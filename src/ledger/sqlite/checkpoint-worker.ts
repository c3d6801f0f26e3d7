/**
 * The checkpoint thread of the SQLite ledger: everything that waits for the disk happens here, on a
 * connection of its own, so that the event loop never does. It opens the file, checks and migrates
 * it, sets a damaged one aside, and from then on moves the write-ahead log (PATH-wal) into the
 * file.
 *
 * A commit of the main thread is then one write into the log. The commit that begins the log anew
 * also syncs its header, so it is this thread that makes it, right behind a checkpoint that left
 * nothing.
 */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { openConnection, touch } from './connection.ts'
import { describeError, sqliteTrouble } from './error.ts'
import { migrate, RefusedLedgerError } from './schema.ts'
import type { KeeperMessage, KeeperOptions } from './checkpointer.ts'

/** Between two looks at the log. */
const intervalMs = 500

/** Each pass moves what was written during the one before. */
const passes = 4

/**
 * Beyond this the writers are held up for a checkpoint that leaves nothing, because others never
 * catch up with them.
 */
const longLogBytes = 16 * 1024 * 1024

/** They are held up only when this little is left: for a moment. */
const shortHoldPages = 1000

/**
 * The log is this long although writers were held up: somebody reads without end, and it would take
 * the whole disk.
 */
const tooLongLogBytes = 256 * 1024 * 1024

/** Long enough for another process that opens the same file to have done so. */
const busyTimeoutMs = 2000

const options = workerData as KeeperOptions
const logPath = `${options.path}-wal`

function tell(message: KeeperMessage): void {
  parentPort?.postMessage(message)
}

function logBytes(): number {
  return statSync(logPath, { throwIfNoEntry: false })?.size ?? 0
}

/** Keeps the damaged file, under a name that says when, for whoever wants to look into it. */
function setAside(): string {
  const aside = `${options.path}.corrupt-${new Date().toISOString().replaceAll(':', '')}`
  renameSync(options.path, aside)
  if (statSync(logPath, { throwIfNoEntry: false }) !== undefined)
    renameSync(logPath, `${aside}-wal`)
  rmSync(`${options.path}-shm`, { force: true })
  return aside
}

/**
 * It holds addresses. Only a file that is not there is touched: closing one that is would end
 * SQLite's locks on it (fcntl).
 */
function makePrivate(): void {
  try {
    closeSync(openSync(options.path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

/**
 * Write-ahead logging is a property of the file. Switching it on fails at once, without waiting,
 * while others do the same.
 */
async function switchLogOn(database: DatabaseSync): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      database.exec('pragma journal_mode = wal')
      return
    } catch (error) {
      if (sqliteTrouble(error) !== 'busy' || attempt === 20) throw error
      await sleep(50)
    }
  }
}

function fileBytes(): number {
  return statSync(options.path, { throwIfNoEntry: false })?.size ?? 0
}

/** A file that is writable and of the newest schema, and sound unless it is too large to tell. */
async function openSound(unchecked: boolean): Promise<DatabaseSync> {
  makePrivate()
  const database = openConnection({ ...options, busyTimeoutMs })
  try {
    await switchLogOn(database)
    migrate(database, options.path)
    if (!unchecked) check(database)
    database.exec('pragma wal_checkpoint(truncate)')
    touch(database)
    if (logBytes() >= tooLongLogBytes) throw new Error(logIsTooLong())
    database.exec(`pragma journal_size_limit = ${longLogBytes}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function check(database: DatabaseSync): void {
  const [finding] = Object.values(database.prepare('pragma quick_check(1)').get() ?? {})
  if (finding !== 'ok') throw Object.assign(new Error(String(finding)), { errcode: 11 })
}

const logIsTooLong = (): string =>
  `${logPath} has ${logBytes()} bytes and can't be emptied: a process that reads the ledger without end has to be ended`

/**
 * Pages of the log that are not in the file yet; afterwards the log begins anew, if there are none
 * and nobody reads it.
 */
function moveLog(database: DatabaseSync): number {
  const state = database.prepare('pragma wal_checkpoint(passive)').get()
  const pages = Number(state?.['log'])
  const left = pages - Number(state?.['checkpointed'])
  // One page alone may be the touch of another process, which is not to be answered by one of ours
  // for ever.
  if (left === 0 && pages > 1) touch(database)
  return left
}

/** Whether the log is now in the file. */
function checkpoint(database: DatabaseSync): boolean {
  let left = moveLog(database)
  for (let pass = 1; left > 0 && pass < passes; pass += 1) left = moveLog(database)
  if (left === 0 || logBytes() <= longLogBytes) return left === 0
  if (
    left < shortHoldPages &&
    database.prepare('pragma wal_checkpoint(truncate)').get()?.['busy'] === 0
  ) {
    touch(database)
    return true
  }
  if (logBytes() >= tooLongLogBytes) throw new Error(logIsTooLong())
  return false
}

function watch(database: DatabaseSync): void {
  let version: unknown
  const timer = setInterval(() => {
    try {
      // Only what other connections wrote counts: after our own write nothing is to be done.
      const now = database.prepare('pragma data_version').get()?.['data_version']
      if (now !== version && checkpoint(database)) version = now
    } catch (error) {
      const trouble = sqliteTrouble(error)
      if (trouble !== 'busy')
        tell({ kind: 'trouble', why: describeError(error), corrupt: trouble === 'corrupt' })
    }
  }, intervalMs)
  parentPort?.once('message', () => {
    clearInterval(timer)
    // The last one to close the file also empties the log, and does it here.
    database.close()
    parentPort?.close()
  })
}

async function start(): Promise<void> {
  let aside: string | undefined
  let damage: string | undefined
  try {
    mkdirSync(dirname(options.path), { recursive: true })
    if (options.damaged && statSync(options.path, { throwIfNoEntry: false }) !== undefined)
      aside = setAside()
    let unchecked = fileBytes() + logBytes() > options.checkedAtStartBytes
    let database: DatabaseSync
    try {
      database = await openSound(unchecked)
    } catch (error) {
      if (sqliteTrouble(error) !== 'corrupt') throw error
      damage = describeError(error)
      aside = setAside()
      unchecked = false
      database = await openSound(unchecked)
    }
    tell({
      kind: 'ready',
      unchecked,
      ...(aside === undefined ? {} : { aside, damage: damage ?? 'damaged while in use' }),
    })
    watch(database)
  } catch (error) {
    tell({
      kind: 'failed',
      why: describeError(error),
      refused: error instanceof RefusedLedgerError,
    })
    parentPort?.close()
  }
}

await start()
