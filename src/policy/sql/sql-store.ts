/** Policies or aliases from a database, by a query of the administrator's own. */
import type { Reading, Store } from '../keyed/keyed-source.ts'
import { type KeyLists, keyLists } from './key-lists.ts'
import { entriesIn, type Rows } from './rows.ts'
import { UntranslatableKeyError } from './server.ts'

/** A connection, or several, that has the query. */
export interface Database {
  /** For the log and the metrics; without a password. */
  readonly name: string
  /** Rejects with what the database says; ends when nobody waits any more. */
  ask(lists: KeyLists, signal: AbortSignal): Promise<Rows>
  /** Ends what is being asked. */
  close(): Promise<void>
}

export const sqlStore = (
  database: Database,
  { checkColumns }: Pick<Reading<unknown>, 'checkColumns'>,
): Store => ({
  name: database.name,
  async ask(keys, signal) {
    const rows = await rowsFor(database, keys, signal)
    return rows === undefined ? [] : entriesIn(rows, checkColumns)
  },
  close: async () => await database.close(),
})

const isAscii = (key: string): boolean => /^[\x01-\x7f]*$/.test(key)

/**
 * A table of another encoding can't have some keys; it is asked for all others all the same.
 * Undefined where there are no others.
 */
async function rowsFor(
  database: Database,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<Rows | undefined> {
  try {
    return await database.ask(keyLists(keys), signal)
  } catch (error) {
    if (!(error instanceof UntranslatableKeyError)) throw error
    const ascii = keys.filter(isAscii)
    const others = keys.filter((key) => !isAscii(key))
    // Every encoding has these, so that it is not about a key.
    if (others.length === 0) throw error
    let rows = ascii.length === 0 ? undefined : await rowsFor(database, ascii, signal)
    // Where there is one, that one was refused.
    for (const half of others.length === 1 ? [] : halvesOf(others))
      rows = joined(rows, await rowsFor(database, half, signal))
    return rows
  }
}

function joined(first: Rows | undefined, more: Rows | undefined): Rows | undefined {
  if (first === undefined || more === undefined) return first ?? more
  return { columns: first.columns, rows: [...first.rows, ...more.rows] }
}

function halvesOf<One>(all: readonly One[]): readonly (readonly One[])[] {
  const middle = all.length >> 1
  return [all.slice(0, middle), all.slice(middle)]
}
