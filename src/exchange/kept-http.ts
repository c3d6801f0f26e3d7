/**
 * One question over HTTP, and its answer, over a connection that is kept for the next one: Node's
 * client and its agent. Knows nothing of what is asked.
 */
import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  request as overHttp,
} from 'node:http'
import { request as overTls } from 'node:https'
import type { HttpServer } from './http.ts'
import type { HttpAnswer } from './http-answer.ts'
import { type Failed, failureInWords, readBounded } from './octets.ts'

export interface KeptQuestion {
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly signal: AbortSignal
  /** Whose connections are used. */
  readonly agent: Agent
}

/** A POST to the server's own path. */
export function openKept(
  { url, socketPath }: HttpServer,
  { fields, signal, agent }: KeptQuestion,
): ClientRequest {
  const target = new URL(url)
  const headers = [['Host', target.host], ...fields].flat()
  const request = target.protocol === 'https:' ? overTls : overHttp
  const where = socketPath === undefined ? {} : { socketPath }
  const opened = request(target, { ...where, method: 'POST', headers, agent, signal })
  // Whoever waits for its answer hears of the first; a later one is nobody's.
  opened.on('error', () => undefined)
  return opened
}

async function answered(request: ClientRequest): Promise<IncomingMessage> {
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
export async function exchangeKept(
  request: ClientRequest,
  body: Buffer,
  answerLimitBytes: number,
): Promise<HttpAnswer | Failed> {
  try {
    request.end(body)
    const response = await answered(request)
    const said = await readBounded(response, answerLimitBytes)
    return said === undefined
      ? { failed: `its answer has more than ${answerLimitBytes} octets` }
      : { status: response.statusCode ?? 0, body: said, field: (name) => fieldOf(response, name) }
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
