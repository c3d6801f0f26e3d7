/**
 * One question over HTTP, and its answer, over a connection of its own or one that is kept. Knows
 * nothing of what is asked.
 */
import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  request as overHttp,
} from 'node:http'
import { request as overTls } from 'node:https'
import { limitConnecting } from './connecting.ts'
import { type Failed, failureInWords, type Pieces, readBounded, writeText } from './octets.ts'

export interface HttpServer {
  /** `http:` or `https:`, with host and port; a path where the filter has one. */
  readonly url: string
  /** In place of host and port. */
  readonly socketPath?: string
}

export interface HttpQuestion {
  readonly method: 'GET' | 'POST'
  /** In place of the server's own. */
  readonly path?: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Absent: the signal alone ends it. */
  readonly connectTimeoutMs?: number
  readonly signal: AbortSignal
  /** Whose connections are used. Absent: one of its own. */
  readonly agent?: Agent
}

export interface HttpAnswer {
  readonly status: number
  readonly body: Buffer
  /** The value of a field that the server has sent once. */
  readonly field: (name: string) => string | undefined
}

/** Octets of an error's words that are told on. */
const longestError = 200

/** For the log: host and port, or the file of a socket. */
export const nameOf = ({ url, socketPath }: HttpServer): string => socketPath ?? new URL(url).host

export function openHttp(
  { url, socketPath }: HttpServer,
  { method, path, fields, connectTimeoutMs, signal, agent }: HttpQuestion,
): ClientRequest {
  const target = path === undefined ? new URL(url) : new URL(path, url)
  const ends = agent === undefined ? [['Connection', 'close']] : []
  const headers = [['Host', target.host], ...ends, ...fields].flat()
  const request = target.protocol === 'https:' ? overTls : overHttp
  const where = socketPath === undefined ? {} : { socketPath }
  const opened = request(target, { ...where, method, headers, agent: agent ?? false, signal })
  // Whoever waits for its answer hears of the first; a later one is nobody's.
  opened.on('error', () => undefined)
  opened.once('socket', (socket) => {
    if (connectTimeoutMs !== undefined && !opened.reusedSocket)
      limitConnecting(socket, connectTimeoutMs)
  })
  return opened
}

export async function answered(request: ClientRequest): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const closed = (): void => reject(new Error('it closed the connection without an answer'))
    request.once('close', closed)
    request.once('error', reject)
    request.once('response', (response) => {
      request.off('close', closed)
      resolve(response)
    })
  })
}

/** Sends a text, and reads the answer. Never throws; the request is over when it is back. */
export async function exchange(
  request: ClientRequest,
  text: Pieces,
  answerLimitBytes: number,
): Promise<HttpAnswer | Failed> {
  try {
    const [response] = await Promise.all([
      answered(request),
      writeText(request, text, ['response']),
    ])
    const body = await readBounded(response, answerLimitBytes)
    return body === undefined
      ? { failed: `its answer has more than ${answerLimitBytes} octets` }
      : { status: response.statusCode ?? 0, body, field: (name) => fieldOf(response, name) }
  } catch (error) {
    return { failed: failureInWords(error) }
  } finally {
    request.destroy()
  }
}

function fieldOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

/** An answer that is an error: its status, and `{"error": …}` or the beginning of what it is. */
export function errorOf({ status, body }: Pick<HttpAnswer, 'status' | 'body'>): string {
  const text = body.toString('utf8', 0, 4 * longestError)
  const said = /"error": ?"([^"]{0,200})/.exec(text)?.[1] ?? text
  return `HTTP ${status} ${said.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, longestError)}`
}
