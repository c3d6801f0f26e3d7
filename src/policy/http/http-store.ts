/**
 * A service of the administrator's own, over HTTP: one POST for all recipients of a question.
 *
 *     {"recipients": ["ann@example.org", "@example.org"]}
 *     {"recipients": {"ann@example.org": "strict", "@example.org": {"tag_at": 5}}}
 */
import { Agent } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import { errorOf, type HttpServer, nameOf } from '../../exchange/http.ts'
import type { HttpAnswer } from '../../exchange/http-answer.ts'
import { isObject, readObject } from '../../exchange/json.ts'
import { exchangeKept, openKept } from '../../exchange/kept-http.ts'
import type { Failed } from '../../exchange/octets.ts'
import type { Entries, Entry } from '../keyed/entry.ts'
import type { Reading, Store } from '../keyed/keyed-source.ts'
import { OpenQuestions, unlessAborted } from '../open-questions.ts'
import { columnsIn } from '../policy-columns.ts'

export interface HttpSettings {
  readonly server: HttpServer
  /** A bearer token. */
  readonly token?: string | undefined
  /** Authorities in PEM; absent: those of Node. */
  readonly ca?: string | undefined
  /** At one time. */
  readonly connections: number
  readonly answerLimitBytes: number
}

type ValueOf = Reading<unknown>['ofValue']

export const httpStore = (
  settings: HttpSettings,
  { ofValue }: Pick<Reading<unknown>, 'ofValue'>,
): Store => new HttpStore(settings, ofValue)

class HttpStore implements Store {
  readonly name: string
  readonly #settings: HttpSettings
  readonly #ofValue: ValueOf
  readonly #agent: Agent
  readonly #open = new OpenQuestions()

  constructor(settings: HttpSettings, ofValue: ValueOf) {
    const { server, ca, connections } = settings
    this.name = `http:${nameOf(server)}`
    this.#settings = settings
    this.#ofValue = ofValue
    const kept = { keepAlive: true, maxSockets: connections }
    this.#agent = server.url.startsWith('https:')
      ? new TlsAgent({ ...kept, ...(ca !== undefined && { ca }) })
      : new Agent(kept)
  }

  async ask(keys: readonly string[], asked: AbortSignal): Promise<Entries> {
    const signal = this.#open.signal(asked)
    const body = Buffer.from(JSON.stringify({ recipients: keys }))
    const said = await unlessAborted(this.#post(body, signal), signal)
    if ('failed' in said) throw new Error(said.failed)
    if (said.status !== 200) throw new Error(errorOf(said))
    return entriesIn(said.body, this.#ofValue)
  }

  async close(): Promise<void> {
    this.#open.close()
    this.#agent.destroy()
    await Promise.resolve()
  }

  /** A server may close a connection while it is taken for the next question: another one is. */
  async #post(body: Buffer, signal: AbortSignal): Promise<HttpAnswer | Failed> {
    const { server, token, connections, answerLimitBytes } = this.#settings
    const fields: (readonly [string, string])[] = [
      ['Content-Type', 'application/json'],
      ['Content-Length', String(body.length)],
      ...(token === undefined ? [] : [['Authorization', `Bearer ${token}`] as const]),
    ]
    for (let lost = 0; ; lost++) {
      const request = openKept(server, { fields, signal, agent: this.#agent })
      const said = await exchangeKept(request, body, answerLimitBytes)
      const wasLost = 'failed' in said && request.reusedSocket && !signal.aborted
      if (!wasLost || lost >= connections) return said
    }
  }
}

/** What is wrong with one of them costs the others nothing. */
function entriesIn(body: Buffer, ofValue: ValueOf): Entries {
  const read = readObject(body)
  if ('failed' in read) throw new Error(read.failed)
  const { recipients } = read.object
  if (!isObject(recipients)) throw new Error('its answer has no object "recipients"')
  return Object.entries(recipients).flatMap(([key, value]): [string, Entry][] =>
    value === null ? [] : [[key, isObject(value) ? columnsIn(value) : ofValue(value)]],
  )
}
