/**
 * From the entries of a store to the mailboxes of a recipient: those of the most special key that
 * has any. Pure.
 */
import { type Alias, isTarget, targetsIn } from '../aliases/alias.ts'
import type { Unknown } from '../policy-source.ts'
import { shown } from '../shown.ts'
import { type Entries, keyColumn, textOf } from './entry.ts'
import { keyInTable } from './keys.ts'

export const mailboxColumn = 'mailbox'

/** The entries of one question, by their keys. */
export class FoundAliases {
  readonly #byKey = new Map<string, string[]>()

  constructor(entries: Entries) {
    for (const [key, entry] of entries) {
      const normal = keyInTable(key)
      const to = textsIn(entry[mailboxColumn])
        .flatMap(targetsIn)
        .map((target) => targetOf(target, normal))
        .filter((target) => isTarget(target, normal))
      const before = this.#byKey.get(normal)
      if (before === undefined) this.#byKey.set(normal, to)
      else before.push(...to)
    }
  }

  /** `keys`: the special one before the general one. */
  sayOf(keys: readonly string[]): Alias | Unknown {
    for (const key of keys) {
      const to = this.#byKey.get(keyInTable(key)) ?? []
      if (to.length > 0) return { kind: 'alias', key, to }
    }
    return { kind: 'unknown' }
  }
}

/** A text, or a list of them. */
const textsIn = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : [value]).map(textOf).filter((text) => typeof text === 'string')

/** A domain that stands for another may be written without its `@`. */
const targetOf = (target: string, key: string): string =>
  key.startsWith('@') && !target.includes('@') ? `@${target}` : target

/** @throws Error where a query has other columns than it may have */
export function checkAliasColumns(names: readonly string[]): void {
  const expected = [keyColumn, mailboxColumn]
  const missing = expected.find((name) => !names.includes(name))
  if (missing !== undefined)
    throw new Error(`the query has no column "${missing}", expected ${expected.join(' and ')}`)
  const odd = names.find((name) => !expected.includes(name))
  if (odd !== undefined)
    throw new Error(`the query has a column ${shown(odd)}, expected ${expected.join(' and ')}`)
}
