/** What a source says of a recipient, and what a policy says, in words. */
import { placesIn } from '../policy/origins.ts'
import type { PolicyColumn, PolicyValues, RawPolicy, Unknown } from '../policy/policy-source.ts'
import type { Policy } from '../verdict/policy.ts'

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
  readonly field: PolicyColumn
  /** As it is written in the configuration. */
  readonly column: string
  readonly value: unknown
  readonly words: string
}

/** The values of a policy, or of what is said of one. */
export const saidOf = (policy: Policy | PolicyValues): readonly SaidValue[] =>
  placesIn(policy).map(([field, raw]) => {
    const value: unknown = raw instanceof Set ? [...(raw as ReadonlySet<unknown>)] : raw
    return { field, column: columnOf(field), value, words: inWords(value) }
  })

/** `tagAt` is `tag_at`, and `spamd.tagAt` is `spamd_tag_at`, as a column; a key has no unit. */
const columnOf = (field: string): string =>
  field
    .replace(/Bytes$/, '')
    .replace('.', '_')
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const inWords = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value)
