/**
 * What the columns of a row, or the members of a JSON object, say of a policy. They have the names
 * of the keys in `policies.NAME`. Databases give numbers as text and yes or no in many ways. Pure.
 */
import type { PolicyColumn, PolicyValues, SaidThresholds, ScorerName } from './policy-source.ts'
import {
  listOf,
  mostEntries,
  notations,
  oneLine,
  senderPattern,
  symbolName,
} from './policy-notation.ts'
import { type Made, type PolicyMistake, scorerNames, thresholds } from './policy-values.ts'

/** NULL, and what is not there, says nothing. */
export type Columns = Readonly<Record<string, unknown>>

type Said = Omit<PolicyValues, 'kind'>
type Writable = { -readonly [Key in keyof Said]: Said[Key] }

/** Takes a value; false for one that is none. */
interface Column {
  /** What of a policy it says. */
  readonly field: PolicyColumn
  readonly expected: string
  readonly take: (raw: unknown, said: Writable) => boolean
}

/** `spamd_tag_at` for `tag_at` within `spamd`: a column has no others within it. */
const columns: Readonly<Record<string, Column>> = Object.fromEntries([
  ...thresholds.flatMap(([key, field]) => [
    [key, threshold(field)] as const,
    ...scorerNames.map((judge) => [`${judge}_${key}`, threshold(field, judge)] as const),
  ]),
  ['never_defer', yesOrNo('neverDefer')],
  ['never_reject', yesOrNo('neverReject')],
  ['no_greylisting', yesOrNo('noGreylisting')],
  ['reject_symbols', list('rejectSymbols', notations.symbol, symbolName)],
  ['tag_symbols', list('tagSymbols', notations.symbol, symbolName)],
  ['accept_symbols', list('acceptSymbols', notations.symbol, symbolName)],
  ['accept_senders', list('acceptSenders', notations.sender, senderPattern)],
  ['refuse_senders', list('refuseSenders', notations.sender, senderPattern)],
  ['known_senders_only', yesOrNo('knownSendersOnly')],
  ['max_size', maxSize()],
  ['reject_text', rejectText()],
  ['group', group()],
])

export const columnNames: readonly string[] = Object.keys(columns)

/** What of a policy a column says, as a whole. */
export const fieldOf = (column: string): PolicyColumn | undefined =>
  Object.hasOwn(columns, column) ? columns[column]?.field : undefined

/** All that is wrong with them, or what they say. */
export function valuesFrom(row: Columns): Made<PolicyValues> {
  const said: Writable = {}
  const mistakes: PolicyMistake[] = []
  for (const [key, raw] of Object.entries(columnsIn(row))) {
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

/** In JSON an object may stand in an object, as it does in the configuration. */
export const columnsIn = (object: Columns): Columns =>
  Object.fromEntries(Object.entries(object).flatMap(flattened))

const flattened = ([key, raw]: [string, unknown]): [string, unknown][] =>
  scorerNames.some((judge) => judge === key) && typeof raw === 'object' && raw !== null
    ? Object.entries(raw).map(([inner, value]): [string, unknown] => [`${key}_${inner}`, value])
    : [[key, raw]]

function threshold(field: keyof SaidThresholds, judge?: ScorerName): Column {
  return {
    field: judge === undefined ? field : `${judge}.${field}`,
    expected: 'a number or never',
    take(raw, said) {
      const value = thresholdIn(raw)
      if (value !== undefined) Object.assign(said, placed({ [field]: value }, said, judge))
      return value !== undefined
    },
  }
}

const placed = (one: SaidThresholds, said: Said, judge?: ScorerName): Partial<Said> =>
  judge === undefined
    ? one
    : { scorers: { ...said.scorers, [judge]: { ...said.scorers?.[judge], ...one } } }

function yesOrNo(
  field: 'neverDefer' | 'neverReject' | 'noGreylisting' | 'knownSendersOnly',
): Column {
  return {
    field,
    expected: 'true or false',
    take(raw, said) {
      const value = booleans.get(wordIn(raw))
      if (value !== undefined) said[field] = value
      return value !== undefined
    },
  }
}

type ListField =
  'rejectSymbols' | 'tagSymbols' | 'acceptSymbols' | 'acceptSenders' | 'refuseSenders'

function list(field: ListField, each: string, read: (text: string) => string | undefined): Column {
  return {
    field,
    expected: listOf(each),
    take(raw, said) {
      const written = entriesIn(raw)
      if (written === undefined || written.length > mostEntries) return false
      const entries = written.map(read)
      const good = entries.filter((entry) => entry !== undefined)
      if (good.length !== entries.length) return false
      said[field] = good
      return true
    },
  }
}

/** An array, or text with blanks or commas between the entries; JSON of an array is text, too. */
function entriesIn(raw: unknown): readonly string[] | undefined {
  if (Array.isArray(raw))
    return raw.every((one): one is string => typeof one === 'string') ? raw : undefined
  if (typeof raw !== 'string') return undefined
  const text = raw.trim()
  if (!text.startsWith('[')) return text.split(/[\s,;]+/).filter((entry) => entry !== '')
  try {
    const array: unknown = JSON.parse(text)
    return Array.isArray(array) ? entriesIn(array) : undefined
  } catch {
    return undefined
  }
}

function maxSize(): Column {
  return {
    field: 'maxSizeBytes',
    expected: 'a whole number of octets above 0, or never',
    take(raw, said) {
      const value = thresholdIn(raw)
      const good = value === 'never' || (Number.isSafeInteger(value) && Number(value) > 0)
      if (good && value !== undefined) said.maxSizeBytes = value
      return good
    },
  }
}

function rejectText(): Column {
  return {
    field: 'rejectText',
    expected: notations.words,
    take(raw, said) {
      const words = typeof raw === 'string' ? oneLine(raw) : undefined
      if (words !== undefined) said.rejectText = words
      return words !== undefined
    },
  }
}

function group(): Column {
  return {
    field: 'group',
    expected: 'own or shared',
    take(raw, said) {
      if (raw !== 'own' && raw !== 'shared') return false
      said.group = raw
      return true
    },
  }
}

const number = /^[+-]?[0-9]{1,12}(?:\.[0-9]{1,30})?$/

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
