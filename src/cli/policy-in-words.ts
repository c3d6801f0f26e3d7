/** What a source says of a recipient, and what a policy says, in words. */
import type { RawPolicy, Unknown } from '../policy/policy-source.ts'

export function rawInWords(raw: RawPolicy | Unknown): string {
  switch (raw.kind) {
    case 'unknown':
      return 'is not known there'
    case 'named':
      return `has the policy ${raw.name}`
    case 'wrong':
      return `has what is no policy: ${raw.why}`
    case 'values': {
      const { behind } = raw
      const said = saidOf(raw).map(({ column, words }) => `${column} ${words}`)
      return `has ${said.join(', ')}${behind === undefined ? '' : `, and behind it ${rawInWords(behind)}`}`
    }
  }
}

export interface SaidValue {
  readonly field: string
  /** As it is written in the configuration. */
  readonly column: string
  readonly value: unknown
  readonly words: string
}

/** The values of a policy, or of what is said of one. */
export const saidOf = (policy: object): readonly SaidValue[] =>
  Object.entries<unknown>({ ...policy })
    .filter(([field]) => !besides.has(field))
    .map(([field, raw]) => {
      const value: unknown = raw instanceof Set ? [...(raw as ReadonlySet<unknown>)] : raw
      return { field, column: columnOf(field), value, words: inWords(value) }
    })

const besides: ReadonlySet<string> = new Set(['name', 'kind', 'behind', 'open'])

/** `tagAt` is `tag_at`, as it is written; a key has no unit. */
const columnOf = (field: string): string =>
  field.replace(/Bytes$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const inWords = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value)
