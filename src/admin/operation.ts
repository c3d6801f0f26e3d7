/**
 * An operation of the admin API as data: path, method, summary, and the schemas of what it takes
 * and answers. The checking of requests, the types of the command line and the description
 * (docs/openapi.json) follow from it.
 */
import { z } from 'zod'
import { wrongBody, wrongParameter } from './check.ts'
import type { Access, Client } from './admission.ts'
import type { AdminContext } from './context.ts'
import { type AdminResponse, type JsonBody, jsonResponse, type Method } from './exchange.ts'
import { entityTag, matchesStrongly, matchesWeakly } from './entity-tag.ts'
import type { InTurn } from './in-turn.ts'
import type { Role } from './tokens.ts'

/** A request whose route is known, and nothing else yet. */
export interface UncheckedRequest {
  /** Percent-decoded parts of the path, by their name in it. */
  readonly params: ReadonlyMap<string, string>
  readonly query: URLSearchParams
  /** A header of the request, by its name in lower case; several lines joined, as in HTTP. */
  header(name: string): string | undefined
  readonly client: Client
  /** Whether anybody needs a token here. */
  readonly wantsToken: boolean
  readonly door: Door
  /** Runs changes one after the other. */
  readonly inTurn: InTurn
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
  /** Who asks, for the audit line. */
  readonly by: string
  readonly client: Client
  readonly wantsToken: boolean
  readonly door: Door
}

/** The status is 200 unless said. */
export type Outcome<Answer> = { readonly status?: number; readonly value: Answer } | AdminResponse

/** Where sessions begin and end. */
export interface Door {
  logIn(token: string): Promise<BegunSession | AdminResponse>
  /** Gives the header that removes the cookie. */
  logOut(): Promise<string>
}

export interface BegunSession {
  readonly name: string
  readonly role: Role
  readonly endsAt: number
  readonly setCookie: string
}

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
  /**
   * Who it is for; unless said, a change is for those who operate, and the rest for those who read.
   * Query parameters of what is open are not looked at.
   */
  readonly access?: Access
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
  /**
   * Of a change: what a GET of the same thing would give now, which a client may say that it has
   * seen (`If-Match`). Undefined: there is no such thing.
   */
  current?(context: AdminContext, params: z.output<Params>): unknown
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
  readonly access: Access
  readonly statuses: Readonly<Record<number, string>>
  readonly params: Params
  readonly query: Query
  readonly headers: Readonly<Record<string, string>>
  readonly media: Media
  /** It is a change of something that has an entity tag. */
  readonly conditional: boolean
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
  const { access = method === 'GET' ? 'read' : 'operate' } = definition
  // Where none is given the type is that of `nothing`: the defaults above say so.
  const params = definition.params ?? (nothing as unknown as Params)
  const query = definition.query ?? (nothing as unknown as Query)
  return {
    ...{ id, method, path, summary, access, statuses, params, query, headers, media },
    ...{ body, answer },
    conditional: definition.current !== undefined,
    async run(context, request) {
      const inPath = params.safeParse(Object.fromEntries(request.params))
      if (!inPath.success) return wrongParameter(inPath.error, request.params)
      const asked = access === 'open' ? new URLSearchParams() : request.query
      const inQuery = query.safeParse(namedOnce(asked))
      if (!inQuery.success) return wrongParameter(inQuery.error, asked)
      const given = body === undefined ? undefined : await request.json()
      if (given?.ok === false) return given.response
      const inBody = body?.safeParse(given?.value)
      if (inBody?.success === false) return wrongBody(inBody.error, given?.value)
      const checked: CheckedRequest<z.output<Params>, z.output<Query>, z.output<Body>> = {
        params: inPath.data,
        query: inQuery.data,
        headers: new Map(
          Object.keys(headers).flatMap((name): [string, string][] => {
            const value = request.header(name)
            return value === undefined ? [] : [[name, value]]
          }),
        ),
        body: inBody?.data as z.output<Body>,
        by: request.client.by,
        client: request.client,
        wantsToken: request.wantsToken,
        door: request.door,
      }
      const handle = async (): Promise<AdminResponse> => {
        const outcome = await definition.handle(context, checked)
        return 'value' in outcome ? jsonResponse(outcome.status ?? 200, outcome.value) : outcome
      }
      if (method === 'GET') return ifNew(await handle(), request.header('if-none-match'))
      const seen = request.header('if-match')
      return await request.inTurn(async () => {
        const current =
          seen === undefined ? undefined : await definition.current?.(context, inPath.data)
        return ifSeen(current, seen) ?? (await handle())
      })
    },
  }
}

/** With its tag; or only that it is still as the client has it. */
function ifNew(response: AdminResponse, seen: string | undefined): AdminResponse {
  if (!('body' in response) || response.status !== 200) return response
  if (typeof response.body !== 'string') return response
  if (!response.contentType.startsWith('application/json')) return response
  const etag = entityTag(response.body)
  const tagged = { ...response, headers: { ...response.headers, etag } }
  return seen !== undefined && matchesWeakly(seen, etag)
    ? { ...tagged, status: 304, body: '' }
    : tagged
}

/** The answer to a change of what is not as the client has seen it. */
function ifSeen(current: unknown, seen: string | undefined): AdminResponse | undefined {
  if (seen === undefined || current === undefined) return undefined
  const etag = entityTag(jsonResponse(200, current).body)
  if (matchesStrongly(seen, etag)) return undefined
  const error = 'it is not as you have seen it any more'
  const expected = 'If-Match with the ETag of what is there now'
  return { ...jsonResponse(412, { error, expected, current }), headers: { etag } }
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
