/**
 * Asks rspamd over HTTP: one connection a message, since rspamd closes each after its answer. Knows
 * nothing of policies.
 */
import {
  errorOf,
  HttpClient,
  type HttpQuestion,
  type HttpServer,
  nameOf,
} from '../../exchange/http.ts'
import type { HttpAnswer } from '../../exchange/http-answer.ts'
import { askedAt, type Failed, failureInWords } from '../../exchange/octets.ts'
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

interface Named {
  readonly name: string
  readonly http: HttpClient
}

export class RspamdClient {
  readonly #options: RspamdClientOptions
  readonly #servers: JudgeServers<Named>

  constructor(options: RspamdClientOptions) {
    this.#options = options
    const { now, onChange } = options
    const servers = options.servers.map((server) => ({
      name: nameOf(server),
      http: new HttpClient(server),
    }))
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
    const said = await this.#say(new HttpClient(server), {
      method: 'GET',
      path: '/ping',
      fields: [],
      signal,
    })
    if ('failed' in said) return askedAt(said.failed, 'judges[].rspamd.url')
    const { status, body, field } = said
    if (field('server')?.includes('milter mode') === true)
      return 'is a proxy worker, for milters; take the normal worker (port 11333)'
    return body.toString('latin1').trim() === 'pong'
      ? undefined
      : `answers, but not as rspamd does (HTTP ${status})`
  }

  async #ask({ http }: Named, question: Question, { text, size, signal }: Scanned): Promise<Said> {
    const { compression } = this.#options
    const said = await this.#say(http, {
      method: 'POST',
      path: '/checkv2',
      fields: [
        ...question.fields,
        ...(compression === undefined ? [] : [['Compression', compression] as const]),
        ['Content-Type', 'message/rfc822'],
      ],
      body: compression === undefined ? { text, size } : { text: compressed(text) },
      signal,
    })
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

  async #say(
    http: HttpClient,
    question: Omit<HttpQuestion, 'connectTimeoutMs' | 'answerLimitBytes'>,
  ): Promise<HttpAnswer | Failed> {
    const { password, connectTimeoutMs, answerLimitBytes } = this.#options
    const fields =
      password === undefined
        ? question.fields
        : ([['Password', password], ...question.fields] as const)
    return await http.ask({ ...question, fields, connectTimeoutMs, answerLimitBytes })
  }
}
