/**
 * Looks through a large file of the ledger while the ledger is in use: a program of its own, since
 * SQLite answers only when it has read all, and whoever is to end may not wait for that
 * (late-check.ts). Prints what is damaged, if anything.
 */
import { setPriority } from 'node:os'
import { openReadOnly } from './connection.ts'
import { describeError, sqliteTrouble } from './error.ts'

/** Mail goes first. */
const niceness = 10

/** Undefined for a sound file, and for one that can't be read now. */
function damageOf(path: string): string | undefined {
  try {
    const database = openReadOnly(path)
    try {
      const [finding] = Object.values(database.prepare('pragma quick_check(1)').get() ?? {})
      return finding === 'ok' ? undefined : String(finding)
    } finally {
      database.close()
    }
  } catch (error) {
    return sqliteTrouble(error) === 'corrupt' ? describeError(error) : undefined
  }
}

setPriority(niceness)
const damage = damageOf(process.argv[2] ?? '')
if (damage !== undefined) process.stdout.write(damage)
