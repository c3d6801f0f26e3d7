/** The rows of a query as entries. Pure. */
import { type Entries, type Entry, keyColumn, textOf } from '../keyed/entry.ts'

/** As every driver gives it. */
export interface Rows {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
}

/** @throws what `check` does, which gets the names of the columns in lower case */
export function entriesIn(
  { columns, rows }: Rows,
  check: (columns: readonly string[]) => void,
): Entries {
  const names = columns.map((name) => name.toLowerCase())
  check(names)
  const at = names.indexOf(keyColumn)
  const others = names.map((name, i) => [name, i] as const).filter(([, i]) => i !== at)
  return rows.flatMap((row): [string, Entry][] => {
    const key = textOf(row[at])
    if (typeof key !== 'string') return []
    // Every row has all columns of the query.
    return [[key, Object.fromEntries(others.map(([name, i]) => [name, row[i] ?? null]))]]
  })
}
