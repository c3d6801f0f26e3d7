/** What a source says of a recipient, in words. */
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
      const said = Object.entries(raw)
        .filter(([field]) => !besides.has(field))
        .map(([field, value]) => `${columnOf(field)} ${inWords(value)}`)
      return `has ${said.join(', ')}${behind === undefined ? '' : `, and behind it ${rawInWords(behind)}`}`
    }
  }
}

const besides: ReadonlySet<string> = new Set(['kind', 'behind', 'open'])

/** `tagAt` is `tag_at`, as it is written. */
const columnOf = (field: string): string =>
  field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const inWords = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value)
