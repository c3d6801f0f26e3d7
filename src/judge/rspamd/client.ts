/**
 * Asks rspamd over HTTP: one connection a message, since rspamd closes each after its answer. Knows
 * nothing of policies.
 */
import { type ClientRequest, type IncomingMessage, request as overHttp } from 'node:http'
import { request as overTls } from 'node:https'
import { askedAt, failureInWords, readBounded, writeText } from '../scan-octets.ts'
import type { Scanned } from '../scanner.ts'
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
      const body = await readBounded(response, this.#options.answerLimitBytes)
      const pong = body?.toString('latin1').trim() === 'pong'
      if (response.headers['server']?.includes('milter mode') === true)
        return 'is a proxy worker, for milters; take the normal worker (port 11333)'
      return pong ? undefined : `answers, but not as rspamd does (HTTP ${response.statusCode ?? 0})`
    } catch (error) {
      return askedAt(failureInWords(error), 'judges[].rspamd.url')
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
      const [response] = await Promise.all([
        answered(request),
        writeText(request, text, ['response']),
      ])
      const body = await readBounded(response, this.#options.answerLimitBytes)
      if (body === undefined)
        return { failed: `its answer has more than ${this.#options.answerLimitBytes} octets` }
      const { statusCode = 0 } = response
      return statusCode === 200 ? { body } : { failed: `HTTP ${statusCode} ${errorOf(body)}` }
    } catch (error) {
      return { failed: failureInWords(error) }
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
    const opened = request(target, { ...where, method, headers, agent: false, signal })
    // Whoever waits for its answer hears of the first; a later one is nobody's.
    opened.on('error', () => undefined)
    return opened
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

/** rspamd's `{"error": …}`, or the beginning of whatever it is. */
function errorOf(body: Buffer): string {
  const text = body.toString('utf8', 0, 4 * longestError)
  const said = /"error": ?"([^"]{0,200})/.exec(text)?.[1] ?? text
  return said.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, longestError)
}
