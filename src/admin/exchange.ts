/**
 * A request and a response of the admin API as the routes see them: plain data, without a socket.
 */
import type { AdminContext } from './context.ts'

export interface AdminRequest {
  /** Percent-decoded parts of the path, by their name in the route. */
  readonly params: ReadonlyMap<string, string>
  readonly query: URLSearchParams
  /** Who asks, for the audit line: `admin` when a token was shown, else the remote address. */
  readonly by: string
  /** The body, or the answer to give because of it (400, 408, 413, 415). */
  json(): Promise<JsonBody>
}

export type JsonBody =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly response: AdminResponse }

export interface AdminResponse {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

export type Method = 'GET' | 'PUT' | 'DELETE' | 'POST'
export type Handler = (
  context: AdminContext,
  request: AdminRequest,
) => Promise<AdminResponse> | AdminResponse

export interface Route {
  /** Parts between the slashes; one that begins with `:` takes any value and names it. */
  readonly path: readonly string[]
  /** Needs no token. */
  readonly open: boolean
  readonly methods: Readonly<Partial<Record<Method, Handler>>>
}

export const jsonResponse = (status: number, value: unknown): AdminResponse => ({
  status,
  contentType: 'application/json; charset=utf-8',
  body: `${JSON.stringify(value)}\n`,
})

/** Every error has this form: what is wrong, and what was expected instead. */
export const problem = (status: number, error: string, expected: string): AdminResponse =>
  jsonResponse(status, { error, expected })
