/** The keys of one question as a query of the administrator's own has them. Pure. */
import type { ListName } from './query.ts'

/** Of one question, each key once. */
export type KeyLists = Readonly<Record<ListName, readonly string[]>>

export function keyLists(keys: Iterable<string>): KeyLists {
  const all = [...new Set(keys)]
  return {
    keys: all,
    addresses: all.filter((key) => !key.startsWith('@')),
    domains: all.filter((key) => key.startsWith('@')).map((key) => key.slice(1)),
  }
}
