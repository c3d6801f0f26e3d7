/**
 * What the columns of a row, or the members of a JSON object, say of a policy. They have the names
 * of the keys in `policies.NAME`. Databases give numbers as text and yes or no in many ways. Pure.
 */
import type { PolicyValues } from './policy-source.ts'
import type { Made, PolicyMistake } from './policy-values.ts'

/** NULL, and what is not there, says nothing. */
export type Columns = Readonly<Record<string, unknown>>

type Said = Omit<PolicyValues, 'kind'>
type Writable = { -readonly [Key in keyof Said]: Said[Key] }

/** Takes a value; false for one that is none. */
interface Column {
  readonly expected: string
  readonly take: (raw: unknown, said: Writable) => boolean
}

type ThresholdField = 'tagAt' | 'quarantineAt' | 'rejectAt'

const columns: Readonly<Record<string, Column>> = {
  tag_at: threshold('tagAt'),
  quarantine_at: threshold('quarantineAt'),
  reject_at: threshold('rejectAt'),
  never_defer: yesOrNo('neverDefer'),
}

export const columnNames: readonly string[] = Object.keys(columns)

/** All that is wrong with them, or what they say. */
export function valuesFrom(row: Columns): Made<PolicyValues> {
  const said: Writable = {}
  const mistakes: PolicyMistake[] = []
  for (const [key, raw] of Object.entries(row)) {
    if (raw === null || raw === undefined) continue
    const column = Object.hasOwn(columns, key) ? columns[key] : undefined
    if (column === undefined) mistakes.push({ key, why: 'is nothing that a policy can say' })
    else if (!column.take(raw, said))
      mistakes.push({ key, why: `got ${inWords(raw)}, expected ${column.expected}` })
  }
  return mistakes.length > 0
    ? { ok: false, mistakes }
    : { ok: true, value: { kind: 'values', ...said } }
}

function threshold(field: ThresholdField): Column {
  return {
    expected: 'a number or never',
    take(raw, said) {
      const value = thresholdIn(raw)
      if (value !== undefined) said[field] = value
      return value !== undefined
    },
  }
}

function yesOrNo(field: 'neverDefer'): Column {
  return {
    expected: 'true or false',
    take(raw, said) {
      const value = booleans.get(wordIn(raw))
      if (value !== undefined) said[field] = value
      return value !== undefined
    },
  }
}

const number = /^[+-]?[0-9]{1,9}(?:\.[0-9]{1,30})?$/

function thresholdIn(raw: unknown): number | 'never' | undefined {
  if (typeof raw === 'number') return Number.isFinite(raw) ? raw : undefined
  if (typeof raw !== 'string' && typeof raw !== 'bigint') return undefined
  const text = String(raw).trim()
  if (text.toLowerCase() === 'never') return 'never'
  return number.test(text) ? Number(text) : undefined
}

const wordIn = (raw: unknown): string =>
  typeof raw === 'string' || typeof raw === 'number' || typeof raw === 'boolean'
    ? String(raw).toLowerCase()
    : ''

const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['true', 't', 'yes', 'y', 'on', '1'].map((word) => [word, true] as const),
  ...['false', 'f', 'no', 'n', 'off', '0'].map((word) => [word, false] as const),
])

const longestShown = 60

function inWords(raw: unknown): string {
  const text = typeof raw === 'number' || typeof raw === 'bigint' ? String(raw) : quoted(raw)
  return text.length <= longestShown ? text : `${text.slice(0, longestShown)}...`
}

function quoted(raw: unknown): string {
  try {
    const text: unknown = JSON.stringify(raw)
    return typeof text === 'string' ? text : typeof raw
  } catch {
    return typeof raw
  }
}
