/**
 * From the rows of a query to what they say of a recipient: column by column, the first row that
 * has a value, from the special key to the general one. Pure.
 */
import { columnNames, fieldOf, valuesFrom } from '../policy-columns.ts'
import type { PolicyValues, RawPolicy, Unknown } from '../policy-source.ts'
import { mistakesInWords, shown } from '../shown.ts'
import { keyInTable } from './table-keys.ts'

/** As every driver gives it. */
export interface Rows {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
}

type Row = readonly unknown[]

const unknown: Unknown = { kind: 'unknown' }
export const keyColumn = 'recipient'
const nameColumn = 'policy'

/** The rows of one question, by their keys. */
export class FoundRows {
  readonly #columns: readonly string[]
  readonly #byKey = new Map<string, Row[]>()

  /** @throws Error where the query has other columns than it may have */
  constructor({ columns, rows }: Rows) {
    this.#columns = columns.map((name) => name.toLowerCase())
    checkNames(this.#columns)
    const at = this.#columns.indexOf(keyColumn)
    for (const row of rows) {
      const key = textOf(row[at])
      if (typeof key !== 'string') continue
      this.#keep(keyInTable(key), row)
    }
  }

  /**
   * A row that says nothing beyond those of its key before it is not kept: there are no more of a
   * key than columns, however many rows a query gives.
   */
  #keep(key: string, row: Row): void {
    const before = this.#byKey.get(key)
    if (before === undefined) this.#byKey.set(key, [row])
    else if (row.some((value, i) => says(value) && !before.some((other) => says(other[i]))))
      before.push(row)
  }

  /** `keys`: the special one before the general one. */
  sayOf(keys: readonly string[]): RawPolicy | Unknown {
    const rows = keys.flatMap((key) => this.#byKey.get(keyInTable(key)) ?? [])
    const unsaid = new Set(this.#columns.filter((name) => name !== keyColumn))
    const layers: RawPolicy[] = []
    for (const row of rows) {
      const said = this.#said(row, unsaid)
      for (const name of Object.keys(said)) unsaid.delete(name)
      layers.push(...layersOf(said))
      // What a more general row says stands behind all that this policy says.
      if (typeof said[nameColumn] === 'string') break
    }
    const [first, ...behind] = layers
    if (first === undefined) return unknown
    if (first.kind !== 'values') return first
    const open = layers.some(({ kind }) => kind === 'named')
      ? []
      : [...unsaid].flatMap((column) => fieldOf(column) ?? [])
    return { ...over(first, behind), ...(open.length > 0 && { open }) }
  }

  /** What stands in these columns of a row. */
  #said(row: Row, names: ReadonlySet<string>): Readonly<Record<string, unknown>> {
    return Object.fromEntries(
      this.#columns.flatMap((name, i) => {
        const value = textOf(row[i])
        return names.has(name) && says(value) ? [[name, value]] : []
      }),
    )
  }
}

/** The values of a row stand over the policy that it names. */
function layersOf({
  [nameColumn]: name,
  ...columns
}: Readonly<Record<string, unknown>>): readonly RawPolicy[] {
  const values = valuesFrom(columns)
  if (!values.ok) return [{ kind: 'wrong', why: mistakesInWords(values.mistakes) }]
  if (name !== undefined && typeof name !== 'string')
    return [{ kind: 'wrong', why: `policy: got ${shown(name)}, expected a name` }]
  const named = name === undefined ? [] : [{ kind: 'named', name } as const]
  return [...(Object.keys(columns).length > 0 ? [values.value] : []), ...named]
}

function over(values: PolicyValues, [next, ...rest]: readonly RawPolicy[]): PolicyValues {
  if (next === undefined) return values
  return { ...values, behind: next.kind === 'values' ? over(next, rest) : next }
}

/** Not NULL, nor nothing but blanks. */
const says = (value: unknown): boolean => {
  const text = textOf(value)
  return text !== null && text !== undefined && text !== ''
}

/** A column of bytes (VARBINARY, BYTEA, BLOB) holds text. */
export function textOf(value: unknown): unknown {
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value
  return typeof text === 'string' ? text.trim() : text
}

function checkNames(names: readonly string[]): void {
  const known = [keyColumn, nameColumn, ...columnNames]
  if (!names.includes(keyColumn))
    throw new Error(`the query has no column "${keyColumn}", expected it to say whose each row is`)
  const odd = names.find((name) => !known.includes(name))
  if (odd !== undefined)
    throw new Error(`the query has a column ${shown(odd)}, expected some of ${known.join(', ')}`)
}
