/**
 * A request and a response of the admin API as operations see them: plain data, without a socket.
 */

export type AdminResponse = WholeResponse | OctetsResponse | StreamedResponse

export interface WholeResponse {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A file of the console, or a text that is large. */
export interface OctetsResponse extends Omit<WholeResponse, 'body'> {
  readonly body: Buffer
  /** Is called when its octets are not read any more; not at all where that is not known. */
  readonly done?: () => void
}

/** An answer that is made while it is read, as fast as the client reads it. */
export interface StreamedResponse {
  readonly status: number
  readonly contentType: string
  /** It has to end when the signal says that the client has gone, or that the server closes. */
  stream(signal: AbortSignal): AsyncIterable<string>
  readonly headers?: Readonly<Record<string, string>>
}

export type JsonBody =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly response: AdminResponse }

export type Method = 'GET' | 'PUT' | 'DELETE' | 'POST'

export const jsonResponse = (status: number, value: unknown): WholeResponse => ({
  status,
  contentType: 'application/json; charset=utf-8',
  body: `${JSON.stringify(value)}\n`,
})

/** Every error has this form: what is wrong, and what was expected instead. */
export const problem = (status: number, error: string, expected: string): WholeResponse =>
  jsonResponse(status, { error, expected })
