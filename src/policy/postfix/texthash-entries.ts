/**
 * The entries of a table as Postfix reads it by `texthash:`: a key, blanks, a value. Of two
 * entries with one key the first counts, as in Postfix. Pure.
 */
import { parseAddressPattern } from '../address-pattern.ts'
import { keyInTable, tableKeys } from '../keyed/keys.ts'
import { LargeMap } from '../large-map.ts'
import type { Unknown } from '../policy-source.ts'
import { shown } from '../shown.ts'
import { MapLines } from './map-lines.ts'
import type { MapValues } from './map-values.ts'

const unknown: Unknown = { kind: 'unknown' }

export class TexthashEntries<Found> extends MapLines<Found> {
  readonly #values: MapValues<Found>
  readonly #byKey = new LargeMap<Found>()

  constructor(values: MapValues<Found>) {
    super()
    this.#values = values
  }

  get count(): number {
    return this.#byKey.size
  }

  lookUp(recipient: string): Found | Unknown {
    for (const key of tableKeys(recipient)) {
      const found = this.#byKey.get(key)
      if (found !== undefined) return found
    }
    return unknown
  }

  protected take(text: string): string | undefined {
    const split = keyAndValue(text)
    if (split === undefined) return `expected a key, blanks and a value, got ${shown(text)}`
    if (split.key.endsWith(':'))
      return `${shown(split.key)} ends with a colon, which belongs to another kind of file`
    const key = keyInTable(split.key)
    const isPlain = split.key.includes('@') || split.key.includes('.')
    if (!isPlain || !parseAddressPattern(key).ok)
      return `${shown(split.key)} is no address, expected user@example.org or @example.org`
    const value = this.#values.read(split.value, key)
    if (!value.ok) return value.why
    if (!this.#byKey.has(key)) this.#byKey.set(key, value.found)
    return undefined
  }
}

function keyAndValue(text: string): { readonly key: string; readonly value: string } | undefined {
  const end = text.search(/\s/)
  if (end < 0) return undefined
  return { key: text.slice(0, end), value: text.slice(end).trim() }
}
