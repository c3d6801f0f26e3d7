/**
 * From the rows of a query to the mailboxes of a recipient: those of the most special key that has
 * any. Pure.
 */
import { type Alias, isTarget, targetsIn } from '../aliases/alias.ts'
import type { Unknown } from '../policy-source.ts'
import { shown } from '../shown.ts'
import { keyColumn, type Rows, textOf } from './rows.ts'
import { keyInTable } from './table-keys.ts'

const mailboxColumn = 'mailbox'

/** The rows of one question, by their keys. */
export class AliasRows {
  readonly #byKey = new Map<string, string[]>()

  /** @throws Error where the query has other columns than it may have */
  constructor({ columns, rows }: Rows) {
    const names = columns.map((name) => name.toLowerCase())
    checkNames(names)
    const [keyAt, mailboxAt] = [names.indexOf(keyColumn), names.indexOf(mailboxColumn)]
    for (const row of rows) {
      const [key, mailboxes] = [textOf(row[keyAt]), textOf(row[mailboxAt])]
      if (typeof key !== 'string' || typeof mailboxes !== 'string') continue
      const normal = keyInTable(key)
      const to = targetsIn(mailboxes)
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

/** A domain that stands for another may be written without its `@`. */
const targetOf = (target: string, key: string): string =>
  key.startsWith('@') && !target.includes('@') ? `@${target}` : target

function checkNames(names: readonly string[]): void {
  const expected = [keyColumn, mailboxColumn]
  const missing = expected.find((name) => !names.includes(name))
  if (missing !== undefined)
    throw new Error(`the query has no column "${missing}", expected ${expected.join(' and ')}`)
  const odd = names.find((name) => !expected.includes(name))
  if (odd !== undefined)
    throw new Error(`the query has a column ${shown(odd)}, expected ${expected.join(' and ')}`)
}
