/**
 * An operation of the admin API as data: path, method, summary, and the schemas of what it takes
 * and answers. The checking of requests, the types of the command line and the description
 * (docs/openapi.json) follow from it.
 */
import { z } from 'zod'
import { wrongBody, wrongParameter } from './check.ts'
import type { AdminContext } from './context.ts'
import { type AdminResponse, type JsonBody, jsonResponse, type Method } from './exchange.ts'

/** A request whose route is known, and nothing else yet. */
export interface UncheckedRequest {
  /** Percent-decoded parts of the path, by their name in it. */
  readonly params: ReadonlyMap<string, string>
  readonly query: URLSearchParams
  /** A header of the request, by its name in lower case; several lines joined, as in HTTP. */
  header(name: string): string | undefined
  /** Who asks, for the audit line: `admin` when a token was shown, else the remote address. */
  readonly by: string
  /** The body, or the answer to give because of it (400, 408, 413, 415). */
  json(): Promise<JsonBody>
}

/** What `handle` is given: all of it fits the operation's schemas. */
export interface CheckedRequest<Params, Query, Body> {
  readonly params: Params
  readonly query: Query
  /** Those that the operation reads; absent where the request has none. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Body
  readonly by: string
}

/** The status is 200 unless said. */
export type Outcome<Answer> = { readonly status?: number; readonly value: Answer } | AdminResponse

export type Media = 'text/plain' | 'text/event-stream'

const nothing = z.strictObject({})
type Nothing = typeof nothing

export interface Definition<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
  Answer extends z.ZodType,
> {
  readonly id: string
  readonly method: Method
  /** As in OpenAPI: `/api/v1/splits/{id}`. */
  readonly path: string
  /** One line for the description. */
  readonly summary: string
  /** Needs no token; query parameters are then not looked at. */
  readonly open?: true
  /** Of each part in braces; needed when there is one. */
  readonly params?: Params
  readonly query?: Query
  /** Headers that it reads, in lower case, with what they mean. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Body
  /** Of JSON answers; absent for those that answer in another form. */
  readonly answer?: Answer
  /** The form of other answers; plain text unless said. A `text/event-stream` is a stream. */
  readonly media?: Media
  /** What the success is, and when other statuses are given. */
  readonly statuses: Readonly<Record<number, string>>
  handle(
    context: AdminContext,
    request: CheckedRequest<z.output<Params>, z.output<Query>, z.output<Body>>,
  ): Outcome<z.input<Answer>> | Promise<Outcome<z.input<Answer>>>
}

/** With its types, for those who ask (cli/admin-client.ts). */
export interface TypedOperation<
  Params extends z.ZodObject = z.ZodObject,
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
> {
  readonly id: string
  readonly method: Method
  readonly path: string
  readonly summary: string
  readonly open: boolean
  readonly statuses: Readonly<Record<number, string>>
  readonly params: Params
  readonly query: Query
  readonly headers: Readonly<Record<string, string>>
  readonly media: Media
  /** Absent: it takes none. */
  readonly body: Body | undefined
  /** Absent: the answer is not JSON. */
  readonly answer: Answer | undefined
  /** Checks the request, and handles it only when it fits. */
  run(context: AdminContext, request: UncheckedRequest): Promise<AdminResponse>
}

export type Operation = TypedOperation

export function operation<
  Params extends z.ZodObject = Nothing,
  Query extends z.ZodObject = Nothing,
  Body extends z.ZodType = z.ZodUndefined,
  Answer extends z.ZodType = z.ZodNever,
>(
  definition: Definition<Params, Query, Body, Answer>,
): TypedOperation<Params, Query, Body, Answer> {
  const { id, method, path, summary, statuses, body, answer } = definition
  const { headers = {}, media = 'text/plain' } = definition
  const open = definition.open === true
  // Where none is given the type is that of `nothing`: the defaults above say so.
  const params = definition.params ?? (nothing as unknown as Params)
  const query = definition.query ?? (nothing as unknown as Query)
  return {
    ...{ id, method, path, summary, open, statuses, params, query, headers, media },
    ...{ body, answer },
    async run(context, request) {
      const inPath = params.safeParse(Object.fromEntries(request.params))
      if (!inPath.success) return wrongParameter(inPath.error, request.params)
      const asked = open ? new URLSearchParams() : request.query
      const inQuery = query.safeParse(namedOnce(asked))
      if (!inQuery.success) return wrongParameter(inQuery.error, asked)
      const given = body === undefined ? undefined : await request.json()
      if (given?.ok === false) return given.response
      const inBody = body?.safeParse(given?.value)
      if (inBody?.success === false) return wrongBody(inBody.error, given?.value)
      const outcome = await definition.handle(context, {
        params: inPath.data,
        query: inQuery.data,
        headers: new Map(
          Object.keys(headers).flatMap((name): [string, string][] => {
            const value = request.header(name)
            return value === undefined ? [] : [[name, value]]
          }),
        ),
        body: inBody?.data as z.output<Body>,
        by: request.by,
      })
      return 'value' in outcome ? jsonResponse(outcome.status ?? 200, outcome.value) : outcome
    },
  }
}

/** A parameter that is given twice becomes a list, which no schema takes. */
function namedOnce(query: URLSearchParams): Record<string, string | string[]> {
  const names = new Set(query.keys())
  return Object.fromEntries(
    [...names].map((name) => {
      const all = query.getAll(name)
      return [name, all.length === 1 ? (all[0] ?? '') : all]
    }),
  )
}
