/** Asks a hook over HTTP: one POST a message. Knows nothing of policies. */
import { errorOf, HttpClient, type HttpServer, nameOf } from '../../exchange/http.ts'
import type { HttpAnswer } from '../../exchange/http-answer.ts'
import { askedAt, type Failed } from '../../exchange/octets.ts'
import { JudgeServers, type ServerChange } from '../servers.ts'
import { type HookAnswer, readAnswer } from './answer.ts'
import type { HookRequest } from './request.ts'

/** Who Rcptwise is to the hook. */
export type Credentials =
  { readonly token: string } | { readonly user: string; readonly password: string }

export interface HookClientOptions {
  readonly servers: readonly HttpServer[]
  readonly credentials?: Credentials
  /** Of an answer, with the contents that are to take the place of the message's. */
  readonly answerLimitBytes: number
  /** For a connection to a server. */
  readonly connectTimeoutMs: number
  readonly now: () => number
  readonly onChange: (change: ServerChange) => void
}

interface Named {
  readonly name: string
  readonly http: HttpClient
}

export class HookClient {
  readonly #options: HookClientOptions
  readonly #servers: JudgeServers<Named>

  constructor(options: HookClientOptions) {
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
  async ask(request: HookRequest, signal: AbortSignal): Promise<HookAnswer | Failed> {
    return await this.#servers.firstOf(async ({ http }) => {
      const said = await this.#post(http, request, signal)
      if ('failed' in said) return said
      return isSuccess(said) ? readAnswer(said.body) : { failed: errorOf(said) }
    }, signal)
  }

  /** Whether a server answers as a hook does; or what is wrong, in words. */
  async ping(
    server: HttpServer,
    request: HookRequest,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const said = await this.#post(new HttpClient(server), request, signal)
    if ('failed' in said) return askedAt(said.failed, 'judges[].hook.url')
    const { status } = said
    if (status === 401 || status === 403)
      return `does not let Rcptwise in (HTTP ${status}); see judges[].hook.token_file, user and password_file`
    if (!isSuccess(said)) return `answers, but not as a hook does (HTTP ${status})`
    const answer = readAnswer(said.body)
    return 'failed' in answer ? `answers, but not as a hook does: ${answer.failed}` : undefined
  }

  async #post(
    http: HttpClient,
    { body, length }: HookRequest,
    signal: AbortSignal,
  ): Promise<HttpAnswer | Failed> {
    const { credentials, answerLimitBytes, connectTimeoutMs } = this.#options
    return await http.ask({
      method: 'POST',
      fields: [
        ['Content-Type', 'application/json'],
        ...(credentials === undefined
          ? []
          : [['Authorization', authorization(credentials)] as const]),
      ],
      body: { text: body, size: length },
      answerLimitBytes,
      connectTimeoutMs,
      signal,
    })
  }
}

const isSuccess = ({ status }: HttpAnswer): boolean => status >= 200 && status < 300

/** RFC 6750 2.1, RFC 7617 2. */
const authorization = (credentials: Credentials): string =>
  'token' in credentials
    ? `Bearer ${credentials.token}`
    : `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`
