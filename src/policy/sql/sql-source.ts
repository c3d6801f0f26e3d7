/**
 * Policies from a database, by a query of the administrator's own: one question of the database for
 * all recipients of a question, or a few where there are very many.
 */
import { allAbandoned, allFailed } from '../failed.ts'
import type { Answer, Answers, PolicySource, RawPolicy } from '../policy-source.ts'
import { mostKeys } from './bounds.ts'
import { FoundRows, type Rows } from './rows.ts'
import { UntranslatableKeyError } from './server.ts'
import { type KeyLists, keyLists, tableKeys } from './table-keys.ts'

/** A connection, or several, that has the query. */
export interface Database {
  /** For the log and the metrics; without a password. */
  readonly name: string
  /** Rejects with what the database says; ends when nobody waits any more. */
  ask(lists: KeyLists, signal: AbortSignal): Promise<Rows>
  /** Ends what is being asked. */
  close(): Promise<void>
}

interface Recipient {
  readonly address: string
  readonly keys: readonly string[]
}

export function sqlSource(database: Database): PolicySource {
  const { name } = database
  const ask = async (
    recipients: readonly Recipient[],
    signal: AbortSignal,
  ): Promise<readonly Answer<RawPolicy>[]> => {
    const keys = new Set(recipients.flatMap((each) => each.keys))
    try {
      const found = new FoundRows(await rowsFor(database, [...keys], signal))
      return recipients.map((each) => found.sayOf(each.keys))
    } catch (error) {
      const addresses = recipients.map(({ address }) => address)
      return allFailed(addresses, name, error instanceof Error ? error.message : String(error))
    }
  }
  const askInParts = async (
    recipients: readonly Recipient[],
    signal: AbortSignal,
  ): Promise<readonly Answer<RawPolicy>[]> => {
    const answers: Answer<RawPolicy>[] = []
    for (const part of inParts(recipients)) answers.push(...(await ask(part, signal)))
    return answers
  }
  return {
    name,
    policiesFor(addresses, signal): Answers<RawPolicy> {
      if (signal.aborted) return allAbandoned(addresses, name)
      const recipients = addresses.map((address) => ({ address, keys: tableKeys(address) }))
      return recipients.every(({ keys }) => keys.length === 0)
        ? addresses.map(() => ({ kind: 'unknown' }))
        : askInParts(recipients, signal)
    },
    close: async () => await database.close(),
  }
}

/** As few as the bound of a question allows. */
function inParts(recipients: readonly Recipient[]): readonly (readonly Recipient[])[] {
  const parts: Recipient[][] = []
  let part: Recipient[] = []
  let keys = new Set<string>()
  for (const each of recipients) {
    const fresh = each.keys.filter((key) => !keys.has(key))
    if (part.length === 0 || keys.size + fresh.length > mostKeys) {
      part = []
      keys = new Set()
      parts.push(part)
    }
    part.push(each)
    for (const key of each.keys) keys.add(key)
  }
  return parts
}

const none: Rows = { columns: ['recipient'], rows: [] }
const isAscii = (key: string): boolean => /^[\x01-\x7f]*$/.test(key)

/** A table of another encoding can't have some keys; it is asked for all others all the same. */
async function rowsFor(
  database: Database,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<Rows> {
  try {
    return await database.ask(keyLists(keys), signal)
  } catch (error) {
    if (!(error instanceof UntranslatableKeyError)) throw error
    const ascii = keys.filter(isAscii)
    const others = keys.filter((key) => !isAscii(key))
    // Every encoding has these, so that it is not about a key.
    if (others.length === 0) throw error
    let { columns, rows } = ascii.length === 0 ? none : await rowsFor(database, ascii, signal)
    // Where there is one, that one was refused.
    for (const half of others.length === 1 ? [] : halvesOf(others)) {
      const more = await rowsFor(database, half, signal)
      if (more.rows.length > 0) columns = more.columns
      rows = [...rows, ...more.rows]
    }
    return { columns, rows }
  }
}

function halvesOf<One>(all: readonly One[]): readonly (readonly One[])[] {
  const middle = all.length >> 1
  return [all.slice(0, middle), all.slice(middle)]
}
