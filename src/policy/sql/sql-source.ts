/**
 * Policies from a database, by a query of the administrator's own: one question of the database for
 * all recipients of a question.
 */
import { allAbandoned, allFailed } from '../failed.ts'
import type { Answer, Answers, PolicySource, RawPolicy } from '../policy-source.ts'
import { FoundRows, type Rows } from './rows.ts'
import { UntranslatableKeyError } from './server.ts'
import { type KeyLists, keyLists, tableKeys } from './table-keys.ts'

const isAscii = (key: string): boolean => /^[\x01-\x7f]*$/.test(key)

/** A connection, or several, that has the query. */
export interface Database {
  /** For the log and the metrics; without a password. */
  readonly name: string
  /** Rejects with what the database says; ends when nobody waits any more. */
  ask(lists: KeyLists, signal: AbortSignal): Promise<Rows>
  /** Ends what is being asked. */
  close(): Promise<void>
}

export function sqlSource(database: Database): PolicySource {
  const { name } = database
  const askFor = async (keys: readonly string[], signal: AbortSignal): Promise<Rows> => {
    try {
      return await database.ask(keyLists(keys), signal)
    } catch (error) {
      if (!(error instanceof UntranslatableKeyError)) throw error
      // A table of another encoding can't have such a key, and the others are asked for it all
      // the same.
      return await database.ask(keyLists(keys.filter(isAscii)), signal)
    }
  }
  const ask = async (
    recipients: readonly string[],
    keys: readonly (readonly string[])[],
    signal: AbortSignal,
  ): Promise<readonly Answer<RawPolicy>[]> => {
    try {
      const rows = new FoundRows(await askFor(keys.flat(), signal))
      return keys.map((each) => rows.sayOf(each))
    } catch (error) {
      return allFailed(recipients, name, error instanceof Error ? error.message : String(error))
    }
  }
  return {
    name,
    policiesFor(recipients, signal): Answers<RawPolicy> {
      if (signal.aborted) return allAbandoned(recipients, name)
      const keys = recipients.map(tableKeys)
      return keys.every((each) => each.length === 0)
        ? recipients.map(() => ({ kind: 'unknown' }))
        : ask(recipients, keys, signal)
    },
    close: async () => await database.close(),
  }
}
