/**
 * Asks rspamd over HTTP: one connection a message, since rspamd closes each after its answer. Knows
 * nothing of policies.
 */
import { type ClientRequest, type IncomingMessage, request as overHttp } from 'node:http'
import { request as overTls } from 'node:https'
import type { TextSource } from '../../message/text-source.ts'
import { type Failed, JudgeServers, type ServerChange } from '../servers.ts'
import type { Question } from './question.ts'

export interface RspamdServer {
  /** `http:` or `https:`, with host and port. */
  readonly url: string
  /** In place of host and port. */
  readonly socketPath?: string
}

export interface RspamdClientOptions {
  readonly servers: readonly RspamdServer[]
  /** For a controller, which wants one. */
  readonly password?: string
  /** Of an answer; rspamd's are some KiB. */
  readonly answerLimitBytes: number
  readonly now: () => number
  readonly onChange: (change: ServerChange) => void
}

/** A complete text. */
export interface Scanned {
  readonly text: TextSource
  readonly size: number
  readonly signal: AbortSignal
}

export type Said = { readonly body: Buffer } | Failed

/** Octets of an error's words that are told on. */
const longestError = 200

interface Named extends RspamdServer {
  readonly name: string
}

export class RspamdClient {
  readonly #options: RspamdClientOptions
  readonly #servers: JudgeServers<Named>

  constructor(options: RspamdClientOptions) {
    this.#options = options
    const { now, onChange } = options
    const servers = options.servers.map((server) => ({ ...server, name: nameOf(server) }))
    this.#servers = new JudgeServers({ servers, now, onChange })
  }

  trouble(): string | undefined {
    return this.#servers.trouble()
  }

  /**
   * The answer of the first server that gives one.
   * @throws the signal's reason
   */
  async scan(question: Question, scanned: Scanned): Promise<Said> {
    return await this.#servers.firstOf(
      async (server) => await this.#ask(server, question, scanned),
      scanned.signal,
    )
  }

  /** Whether a server answers as rspamd does; or what is wrong, in words. */
  async ping(server: RspamdServer, signal: AbortSignal): Promise<string | undefined> {
    try {
      const response = await answered(this.#open(server, '/ping', { method: 'GET', signal }).end())
      const body = await bounded(response, this.#options.answerLimitBytes)
      const pong = body?.toString('latin1').trim() === 'pong'
      if (response.headers['server']?.includes('milter mode') === true)
        return 'is a proxy worker, for milters; take the normal worker (port 11333)'
      return pong ? undefined : `answers, but not as rspamd does (HTTP ${response.statusCode ?? 0})`
    } catch (error) {
      return inWords(error)
    }
  }

  async #ask(
    server: RspamdServer,
    { fields }: Question,
    { text, size, signal }: Scanned,
  ): Promise<Said> {
    const about = [...fields, ['Content-Length', String(size)], ['Content-Type', 'message/rfc822']]
    const request = this.#open(server, '/checkv2', { method: 'POST', signal, fields: about })
    try {
      const [response] = await Promise.all([answered(request), write(request, text)])
      const body = await bounded(response, this.#options.answerLimitBytes)
      if (body === undefined)
        return { failed: `its answer has more than ${this.#options.answerLimitBytes} octets` }
      const { statusCode = 0 } = response
      return statusCode === 200 ? { body } : { failed: `HTTP ${statusCode} ${errorOf(body)}` }
    } catch (error) {
      return { failed: inWords(error) }
    } finally {
      request.destroy()
    }
  }

  #open(
    { url, socketPath }: RspamdServer,
    path: string,
    {
      method,
      signal,
      fields = [],
    }: {
      readonly method: string
      readonly signal: AbortSignal
      readonly fields?: readonly (readonly string[])[]
    },
  ): ClientRequest {
    const target = new URL(path, url)
    const { password } = this.#options
    const headers = [
      ['Host', target.host],
      ['Connection', 'close'],
      ...(password === undefined ? [] : [['Password', password]]),
      ...fields,
    ].flat()
    const request = target.protocol === 'https:' ? overTls : overHttp
    const where = socketPath === undefined ? {} : { socketPath }
    return request(target, { ...where, method, headers, agent: false, signal })
  }
}

const nameOf = ({ url, socketPath }: RspamdServer): string => socketPath ?? new URL(url).host

async function answered(request: ClientRequest): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    request.once('response', resolve)
    request.once('error', reject)
    // After the answer or an error it says nothing new.
    request.once('close', () => reject(new Error('it closed the connection without an answer')))
  })
}

/** At the pace at which it is read. An answer that comes earlier ends it. */
async function write(request: ClientRequest, text: TextSource): Promise<void> {
  const over = new AbortController()
  const end = (): void => over.abort()
  request.once('response', end)
  request.once('close', end)
  for await (const chunk of text.chunks()) {
    if (over.signal.aborted) break
    if (!request.write(chunk)) await drained(request)
  }
  request.end()
}

async function drained(request: ClientRequest): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const done = (): void => resolve(undefined)
  for (const event of ['drain', 'close', 'response', 'error']) request.once(event, done)
  await promise
  for (const event of ['drain', 'close', 'response', 'error']) request.off(event, done)
}

/** Undefined: it is longer. */
async function bounded(response: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** rspamd's `{"error": …}`, or the beginning of whatever it is. */
function errorOf(body: Buffer): string {
  const text = body.toString('utf8', 0, 4 * longestError)
  const said = /"error": ?"([^"]{0,200})/.exec(text)?.[1] ?? text
  return said.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, longestError)
}

const inWords = (error: unknown): string =>
  error instanceof Error
    ? 'code' in error && typeof error.code === 'string'
      ? error.code
      : error.message
    : String(error)
