/**
 * What is wrong with a request that does not fit its schema, in the form of all errors. A schema's
 * own message is what was expected. Pure.
 */
import type { z } from 'zod'
import { type AdminResponse, problem } from './exchange.ts'

/** Of a name or a value that somebody sent, this much is said back. */
const mostSaidBack = 50

type Issue = z.core.$ZodIssue

export function wrongBody(error: z.ZodError, body: unknown): AdminResponse {
  const issue = firstOf(error)
  if (issue?.code === 'unrecognized_keys') return unknownName('key', issue)
  const key = issue?.path[0]
  if (key === undefined) return problem(400, 'the body is no object', expectedBy(issue))
  const value = (body as Readonly<Record<PropertyKey, unknown>>)[key]
  return value === undefined
    ? problem(400, `"${String(key)}" is missing`, expectedBy(issue))
    : problem(400, `"${String(key)}" can't be ${said(value)}`, expectedBy(issue))
}

export function wrongParameter(
  error: z.ZodError,
  given: { get(name: string): string | null | undefined },
): AdminResponse {
  const issue = firstOf(error)
  if (issue?.code === 'unrecognized_keys') return unknownName('parameter', issue)
  const name = String(issue?.path[0])
  return problem(400, `"${name}" can't be ${said(given.get(name))}`, expectedBy(issue))
}

/** A key that nobody knows is told first: what is missing may be spelled wrong. */
const firstOf = ({ issues }: z.ZodError): Issue | undefined =>
  issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]

const expectedBy = (issue: Issue | undefined): string => issue?.message ?? 'another value'

const unknownName = (
  what: string,
  { keys: [name = ''], message }: Extract<Issue, { readonly code: 'unrecognized_keys' }>,
): AdminResponse => problem(400, `the ${what} ${said(name)} is unknown`, message)

/** In JSON, which shows a string's control characters. */
const said = (value: unknown): string =>
  value === undefined ? 'nothing' : JSON.stringify(value).slice(0, mostSaidBack)
