/**
 * Asks rspamd over HTTP: one connection a message, since rspamd closes each after its answer. Knows
 * nothing of policies.
 */
import type { ClientRequest } from 'node:http'
import {
  answered,
  errorOf,
  exchange,
  type HttpAnswer,
  type HttpQuestion,
  type HttpServer,
  nameOf,
  openHttp,
} from '../../exchange/http.ts'
import { askedAt, type Failed, failureInWords, readBounded } from '../../exchange/octets.ts'
import type { Scanned } from '../scanner.ts'
import { JudgeServers, type ServerChange } from '../servers.ts'
import type { Question } from './question.ts'
import { compressed, decompressed } from './zstd.ts'

/** A URL without a path. */
export type RspamdServer = HttpServer

export interface RspamdClientOptions {
  readonly servers: readonly RspamdServer[]
  /** For a controller, which wants one. */
  readonly password?: string
  /** Of the text, and so of the answer. */
  readonly compression?: 'zstd'
  /** Of an answer; rspamd's are some KiB. */
  readonly answerLimitBytes: number
  /** For a connection to a server. */
  readonly connectTimeoutMs: number
  readonly now: () => number
  readonly onChange: (change: ServerChange) => void
}

export type Said = { readonly body: Buffer } | Failed

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
      const request = this.#open(server, { method: 'GET', path: '/ping', fields: [], signal })
      const response = await answered(request.end())
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
    question: Question,
    { text, size, signal }: Scanned,
  ): Promise<Said> {
    const { compression, answerLimitBytes } = this.#options
    const fields = [
      ...question.fields,
      compression === undefined ? ['Content-Length', String(size)] : ['Compression', 'zstd'],
      ['Content-Type', 'message/rfc822'],
    ] as readonly (readonly [string, string])[]
    const request = this.#open(server, { method: 'POST', path: '/checkv2', fields, signal })
    const sent = compression === undefined ? text : compressed(text)
    const said = await exchange(request, sent, answerLimitBytes)
    if ('failed' in said) return said
    const body = await this.#bodyOf(said)
    if ('failed' in body) return body
    return said.status === 200 ? body : { failed: errorOf({ ...said, ...body }) }
  }

  /** rspamd 3.4 compresses the answer where the text was, and says so in a field of its own. */
  async #bodyOf({ body, field }: HttpAnswer): Promise<Said> {
    if (field('compression') !== 'zstd' && field('content-encoding') !== 'zstd') return { body }
    try {
      return { body: await decompressed(body, this.#options.answerLimitBytes) }
    } catch (error) {
      return { failed: `its answer can't be decompressed (${failureInWords(error)})` }
    }
  }

  #open(server: RspamdServer, question: Omit<HttpQuestion, 'connectTimeoutMs'>): ClientRequest {
    const { password, connectTimeoutMs } = this.#options
    const fields =
      password === undefined
        ? question.fields
        : ([['Password', password], ...question.fields] as const)
    return openHttp(server, { ...question, fields, connectTimeoutMs })
  }
}
