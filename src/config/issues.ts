/** Zod's issues as findings at keys, in words that an operator can follow. */
import type { z } from 'zod'
import { inWords } from './in-words.ts'
import { nearest } from './nearest.ts'
import { dottedKey, type KeyPath } from './problem.ts'
import { knownKeys } from './schema-keys.ts'
import { unsupportedMessage } from './unsupported.ts'

/** A problem at a key, before anyone knows in which file and line. */
export interface Finding {
  readonly path: KeyPath
  /** In words; asked of the few that are told. */
  readonly message: () => string
}

/** What zod's own checks say was expected; the schema's notations bring their own words. */
export function expectation(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return expectedTypes.get(issue.expected) ?? `a ${issue.expected}`
    case 'invalid_value':
      return issue.values.length === 1
        ? String(issue.values[0])
        : `one of ${issue.values.map((value) => String(value)).join(', ')}`
    default:
      return undefined
  }
}

const expectedTypes: ReadonlyMap<string, string> = new Map([
  ['array', 'a list'],
  ['object', 'a map'],
  ['record', 'a map'],
  ['boolean', 'true or false'],
  ['string', 'text'],
])

/**
 * zod's issues in the words of an operator. A key that is missing beside one that is unknown is not
 * told: it is most likely the same key, misspelt.
 */
export function findings(
  issues: readonly z.core.$ZodIssue[],
  content: unknown,
): readonly Finding[] {
  const misspelt = new Set(
    issues
      .filter((issue) => issue.code === 'unrecognized_keys')
      .map((issue) => dottedKey(at(issue))),
  )
  const told = issues.filter((issue) => {
    const path = at(issue)
    return valueAt(content, path).value !== undefined || !misspelt.has(dottedKey(path.slice(0, -1)))
  })
  return told.flatMap((issue) => findingsOf(issue, content))
}

const at = (issue: z.core.$ZodIssue): KeyPath =>
  issue.path.filter((part) => typeof part !== 'symbol')

/** An issue about unknown keys becomes one finding a key. */
function findingsOf(issue: z.core.$ZodIssue, content: unknown): readonly Finding[] {
  const path = at(issue)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], message: () => unknownKey(path, key) }))
  }
  const { value, depth } = valueAt(content, path)
  const unsupported = unsupportedMessage(path, value)
  const written = path.slice(0, depth)
  if (unsupported !== undefined) return [{ path: written, message: () => unsupported }]
  return [{ path: value === undefined ? path : written, message: () => wrongValue(issue, value) }]
}

function wrongValue(issue: z.core.$ZodIssue, value: unknown): string {
  const got = value === undefined ? 'is missing' : `got ${inWords(value)}`
  const hint = hintOf(issue, value)
  return `${got}, expected ${issue.message}${hint === undefined ? '' : `; ${hint}`}`
}

function unknownKey(path: KeyPath, key: string): string {
  const unsupported = unsupportedMessage([...path, key], undefined)
  if (unsupported !== undefined) return unsupported
  const known = knownKeys(path)
  const near = nearest(key, known)
  const hint = near === undefined ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`
  return `is not a known key; ${hint}`
}

function hintOf(issue: z.core.$ZodIssue, value: unknown): string | undefined {
  if (issue.code === 'invalid_value' && typeof value === 'string') {
    const near = nearest(
      value,
      issue.values.filter((candidate) => typeof candidate === 'string'),
    )
    return near === undefined ? undefined : `did you mean "${near}"?`
  }
  if (issue.code === 'invalid_type' && issue.expected === 'array' && isPlain(value)) {
    return `write it as a list: [${inWords(value)}]`
  }
  const hint: unknown = issue.code === 'custom' ? issue.params?.['hint'] : undefined
  return typeof hint === 'string' ? hint : undefined
}

/**
 * What was written at a path, and how many of its parts the content really has: a short form
 * (`ledger: sqlite:x` for `ledger: { path: sqlite:x }`) is the value itself.
 */
function valueAt(
  content: unknown,
  path: KeyPath,
): { readonly value: unknown; readonly depth: number } {
  let value = content
  for (const [depth, part] of path.entries()) {
    if (isPlain(value)) return { value, depth }
    value =
      typeof value === 'object' && value !== null
        ? (value as Readonly<Record<string, unknown>>)[part]
        : undefined
  }
  return { value, depth: path.length }
}

const isPlain = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value)
