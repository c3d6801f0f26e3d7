/** Questions to the API of this front-end. All paths are relative: a prefix may stand before. */

/** What went wrong, in words: the API's own, or that there was no answer. */
export class ApiProblem extends Error {
  /** 0: there was no answer. */
  readonly status: number
  readonly expected: string

  constructor(status: number, error: string, expected: string) {
    super(error)
    this.status = status
    this.expected = expected
  }
}

export interface Asked {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  readonly ifMatch?: string | undefined
  readonly signal?: AbortSignal
}

export interface Told<Value> {
  readonly value: Value
  readonly etag: string | undefined
}

const patienceMs = 15_000

/** @throws ApiProblem. The answer's form is the schema's: the same release has made both. */
export async function ask<Value>(path: string, asked: Asked = {}): Promise<Value> {
  return (await askTagged<Value>(path, asked)).value
}

export async function askTagged<Value>(path: string, asked: Asked = {}): Promise<Told<Value>> {
  const { method = 'GET', body, ifMatch } = asked
  const late = AbortSignal.timeout(patienceMs)
  const response = await reached(`${path}${queryOf(asked.query)}`, {
    method,
    cache: 'no-store',
    credentials: 'same-origin',
    signal: asked.signal === undefined ? late : AbortSignal.any([late, asked.signal]),
    headers: {
      // No other site can send it (docs/admin-api.md).
      'x-rcptwise-console': '1',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(ifMatch !== undefined && { 'if-match': ifMatch }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const value = await jsonIn(response)
  if (!response.ok) throw problemIn(response.status, value)
  return { value: value as Value, etag: response.headers.get('etag') ?? undefined }
}

export async function reached(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init)
  } catch (error) {
    const late = error instanceof DOMException && error.name === 'TimeoutError'
    const why = late ? 'the front-end did not answer in time' : 'the front-end can not be reached'
    throw new ApiProblem(0, why, 'rcptwise serve, running')
  }
}

async function jsonIn(response: Response): Promise<unknown> {
  try {
    return (await response.json()) as unknown
  } catch {
    // A proxy in between has its own pages, and a connection may end in the middle.
    throw new ApiProblem(
      response.ok ? 0 : response.status,
      `${response.status} ${response.statusText}`.trim(),
      'an answer of Rcptwise',
    )
  }
}

function problemIn(status: number, value: unknown): ApiProblem {
  const { error, expected } = value as { readonly error?: unknown; readonly expected?: unknown }
  return new ApiProblem(
    status,
    typeof error === 'string' ? error : `status ${status}`,
    typeof expected === 'string' ? expected : '',
  )
}

function queryOf(query: Asked['query'] = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, value]],
  )
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

export const problemOf = (error: unknown): ApiProblem =>
  error instanceof ApiProblem
    ? error
    : new ApiProblem(-1, error instanceof Error ? error.message : String(error), '')

/** A part of a path. */
export const segment = (name: string): string => encodeURIComponent(name)
