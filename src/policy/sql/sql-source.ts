/**
 * Policies or aliases from a database, by a query of the administrator's own: one question of the
 * database for all recipients of a question, or a few where there are very many.
 */
import type { AliasSource } from '../aliases/alias.ts'
import { allAbandoned, allFailed } from '../failed.ts'
import type { Answer, Answers, PolicySource, Source, Unknown } from '../policy-source.ts'
import { AliasRows } from './alias-rows.ts'
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

/** The rows of one question. */
interface ReadRows<Found> {
  /** `keys`: the special one before the general one. */
  sayOf(keys: readonly string[]): Found | Unknown
}

export const sqlSource = (database: Database): PolicySource =>
  askedInSql(database, (rows) => new FoundRows(rows))

export const sqlAliases = (database: Database): AliasSource =>
  askedInSql(database, (rows) => new AliasRows(rows))

function askedInSql<Found>(
  database: Database,
  read: (rows: Rows) => ReadRows<Found>,
): Source<Found> {
  const { name } = database
  const ask = async (
    recipients: readonly Recipient[],
    signal: AbortSignal,
  ): Promise<readonly Answer<Found>[]> => {
    const keys = new Set(recipients.flatMap((each) => each.keys))
    try {
      const rows = await rowsFor(database, [...keys], signal)
      const found = rows === undefined ? undefined : read(rows)
      return recipients.map((each) => found?.sayOf(each.keys) ?? { kind: 'unknown' })
    } catch (error) {
      const addresses = recipients.map(({ address }) => address)
      return allFailed(addresses, name, error instanceof Error ? error.message : String(error))
    }
  }
  const askInParts = async (
    recipients: readonly Recipient[],
    signal: AbortSignal,
  ): Promise<readonly Answer<Found>[]> => {
    const answers: Answer<Found>[] = []
    for (const part of inParts(recipients)) answers.push(...(await ask(part, signal)))
    return answers
  }
  return {
    name,
    policiesFor(addresses, signal): Answers<Found> {
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
