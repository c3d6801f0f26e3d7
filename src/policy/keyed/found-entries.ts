/**
 * From the entries of a store to what they say of a recipient: column by column, the first entry
 * that has a value, from the special key to the general one. Pure.
 */
import { columnNames, fieldOf, valuesFrom } from '../policy-columns.ts'
import type { PolicyValues, RawPolicy, Unknown } from '../policy-source.ts'
import { mistakesInWords, shown } from '../shown.ts'
import { type Entries, type Entry, keyColumn, says, textOf, Unreadable } from './entry.ts'
import { keyInTable } from './keys.ts'

const unknown: Unknown = { kind: 'unknown' }
const nameColumn = 'policy'

/** The entries of one question, by their keys. */
export class FoundEntries {
  readonly #byKey = new Map<string, Entry[]>()

  constructor(entries: Entries) {
    for (const [key, entry] of entries) this.#keep(keyInTable(key), entry)
  }

  /**
   * An entry that says nothing beyond those of its key before it is not kept: there are no more of
   * a key than columns, however many rows a query gives.
   */
  #keep(key: string, entry: Entry): void {
    const before = this.#byKey.get(key)
    if (before === undefined) this.#byKey.set(key, [entry])
    else if (saidIn(entry).some(([name]) => !before.some((other) => says(other[name]))))
      before.push(entry)
  }

  /** `keys`: the special one before the general one. */
  sayOf(keys: readonly string[]): RawPolicy | Unknown {
    const entries = keys.flatMap((key) => this.#byKey.get(keyInTable(key)) ?? [])
    const unsaid = new Set(entries.flatMap((entry) => Object.keys(entry)))
    const layers: RawPolicy[] = []
    for (const entry of entries) {
      const said = Object.fromEntries(saidIn(entry).filter(([name]) => unsaid.has(name)))
      for (const name of Object.keys(said)) unsaid.delete(name)
      layers.push(...layersOf(said))
      // What a more general entry says stands behind all that this policy says.
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
}

/** What one entry says by itself; undefined where that is nothing. */
export function saidBy(entry: Entry): RawPolicy | undefined {
  const [first, ...behind] = layersOf(Object.fromEntries(saidIn(entry)))
  return first?.kind === 'values' ? over(first, behind) : first
}

const saidIn = (entry: Entry): (readonly [name: string, value: unknown])[] =>
  Object.entries(entry)
    .filter(([, value]) => says(value))
    .map(([name, value]) => [name, textOf(value)])

/** The values of an entry stand over the policy that it names. */
function layersOf({ [nameColumn]: name, ...columns }: Entry): readonly RawPolicy[] {
  if (name instanceof Unreadable) return [{ kind: 'wrong', why: name.why }]
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

/** @throws Error where a query has other columns than it may have */
export function checkPolicyColumns(names: readonly string[]): void {
  const known = [keyColumn, nameColumn, ...columnNames]
  if (!names.includes(keyColumn))
    throw new Error(`the query has no column "${keyColumn}", expected it to say whose each row is`)
  const odd = names.find((name) => !known.includes(name))
  if (odd !== undefined)
    throw new Error(`the query has a column ${shown(odd)}, expected some of ${known.join(', ')}`)
}
