/** What an error of SQLite means for the ledger. */

/**
 * `busy`: another connection writes; again in a moment. `corrupt`: the file is damaged. `unusable`:
 * it can't be written or read for now (full disk, read-only, missing, I/O error). `other`: not from
 * SQLite, so a fault of the program.
 */
export type SqliteTrouble = 'busy' | 'corrupt' | 'unusable' | 'other'

/** Primary result codes (https://www.sqlite.org/rescode.html). */
const busyCodes = new Set([5, 6])
const corruptCodes = new Set([11, 26])

export function sqliteTrouble(error: unknown): SqliteTrouble {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return 'other'
  const code = error.errcode & 0xff
  if (busyCodes.has(code)) return 'busy'
  if (corruptCodes.has(code)) return 'corrupt'
  return 'unusable'
}

/** In words for a log line. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
