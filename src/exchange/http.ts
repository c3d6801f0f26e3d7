/**
 * One question over HTTP, and its answer, over a connection of its own. Knows nothing of what is
 * asked. Node's own client takes twice as long for this (decision 130).
 */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectByTls } from 'node:tls'
import { toOctets } from '../smtp/octets.ts'
import { limitConnecting } from './connecting.ts'
import { type HttpAnswer, HttpAnswerReader } from './http-answer.ts'
import { type Field, requestHead } from './http-request.ts'
import { type Failed, failureInWords, type Pieces, writeChunk } from './octets.ts'

export interface HttpServer {
  /** `http:` or `https:`, with host and port; a path where the filter has one. */
  readonly url: string
  /** In place of host and port. */
  readonly socketPath?: string
}

/** What is sent. */
export interface HttpBody {
  readonly text: HttpText
  /** Octets of the text; absent: known at its end alone. */
  readonly size?: number
}

export interface HttpText extends Pieces {
  /** All of it, where it is in memory. */
  readonly whole?: () => readonly Buffer[] | undefined
}

export interface HttpQuestion {
  readonly method: 'GET' | 'POST'
  /** In place of the server's own. */
  readonly path?: string
  readonly fields: readonly Field[]
  readonly body?: HttpBody
  readonly answerLimitBytes: number
  /** For the connection. */
  readonly connectTimeoutMs: number
  /** Ends it. */
  readonly signal: AbortSignal
}

/** A text up to here goes out in one piece with the head. */
const onePieceBytes = 64 * 1024
/** Octets of an error's words that are told on. */
const longestError = 200

/** For the log: host and port, or the file of a socket. */
export const nameOf = ({ url, socketPath }: HttpServer): string => socketPath ?? new URL(url).host

/** A server that is asked again and again: its URL is read once. */
export class HttpClient {
  readonly #url: URL
  readonly #socketPath: string | undefined

  constructor({ url, socketPath }: HttpServer) {
    this.#url = new URL(url)
    this.#socketPath = socketPath
  }

  /** Never throws; the connection is closed, or about to be, when it is back. */
  async ask(question: HttpQuestion): Promise<HttpAnswer | Failed> {
    const { method, path, fields, body, signal } = question
    const { host, pathname, search } = this.#url
    const head = requestHead({
      method,
      path: path ?? `${pathname}${search}`,
      fields: [
        ['Host', host],
        ['Connection', 'close'],
        ...fields,
        ...(body === undefined ? [] : [lengthOf(body)]),
      ],
    })
    if (typeof head !== 'string') return head
    if (signal.aborted) return { failed: failureInWords(signal.reason) }
    const exchange = new Exchange(this.#connect(), question)
    return await exchange.run(head, body)
  }

  #connect(): Socket {
    const { protocol, hostname, port } = this.#url
    const path = this.#socketPath
    const byTls = protocol === 'https:'
    const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
    const where =
      path === undefined
        ? { host, port: port === '' ? (byTls ? 443 : 80) : Number(port) }
        : { path }
    if (!byTls) return connect(where)
    return connectByTls({
      ...where,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: ['http/1.1'],
    })
  }
}

const lengthOf = ({ size }: HttpBody): Field =>
  size === undefined ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(size)]

/** One question on its connection. */
class Exchange {
  readonly #socket: Socket
  readonly #reader: HttpAnswerReader
  readonly #signal: AbortSignal
  readonly #ended = Promise.withResolvers<HttpAnswer | Failed>()
  #isOver = false

  constructor(
    socket: Socket,
    {
      answerLimitBytes,
      connectTimeoutMs,
      signal,
    }: Pick<HttpQuestion, 'answerLimitBytes' | 'connectTimeoutMs' | 'signal'>,
  ) {
    this.#socket = socket
    this.#reader = new HttpAnswerReader(answerLimitBytes)
    this.#signal = signal
    signal.addEventListener('abort', this.#onAbort)
    limitConnecting(socket, connectTimeoutMs)
    socket.on('data', (octets) => {
      this.#reader.push(octets)
      this.#look()
    })
    socket.on('end', () => this.#onEnd())
    socket.on('error', (error) => this.#end({ failed: failureInWords(error) }))
    socket.on('close', () => this.#onEnd())
  }

  async run(head: string, body: HttpBody | undefined): Promise<HttpAnswer | Failed> {
    const whole = body?.size === undefined ? undefined : body.text.whole?.()
    if (body === undefined) this.#socket.write(toOctets(head))
    else if (whole !== undefined) this.#writeWhole(head, whole)
    else await this.#writePieces(head, body)
    return await this.#ended.promise
  }

  #writeWhole(head: string, whole: readonly Buffer[]): void {
    const pieces = [toOctets(head), ...whole]
    if (pieces.reduce((sum, { length }) => sum + length, 0) <= onePieceBytes) {
      this.#socket.write(Buffer.concat(pieces))
      return
    }
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    this.#socket.uncork()
  }

  /** At the pace at which it is read. An answer that comes earlier ends it. */
  async #writePieces(head: string, { text, size }: HttpBody): Promise<void> {
    try {
      this.#socket.write(toOctets(head))
      for await (const chunk of text.chunks()) {
        if (this.#isOver || this.#reader.begun) return
        // One without octets would be the last one.
        if (chunk.length === 0) continue
        await writeChunk(this.#socket, size === undefined ? chunkOf(chunk) : chunk)
      }
      if (size === undefined && !this.#isOver) this.#socket.write('0\r\n\r\n')
    } catch (error) {
      this.#end({ failed: failureInWords(error) })
    }
  }

  readonly #onAbort = (): void => this.#end({ failed: failureInWords(this.#signal.reason) })

  #onEnd(): void {
    this.#reader.end()
    this.#look()
  }

  #look(): void {
    const { answer, failed } = this.#reader
    if (answer !== undefined) this.#end(answer)
    else if (failed !== undefined) this.#end({ failed })
  }

  /** What comes first counts. */
  #end(said: HttpAnswer | Failed): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#socket.destroy()
    this.#ended.resolve(said)
  }
}

/** RFC 9112 7.1. */
const chunkOf = (octets: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${octets.length.toString(16)}\r\n`), octets, Buffer.from('\r\n')])

/** An answer that is an error: its status, and `{"error": …}` or the beginning of what it is. */
export function errorOf({ status, body }: Pick<HttpAnswer, 'status' | 'body'>): string {
  const text = body.toString('utf8', 0, 4 * longestError)
  const said = /"error": ?"([^"]{0,200})/.exec(text)?.[1] ?? text
  return `HTTP ${status} ${said.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, longestError)}`
}
