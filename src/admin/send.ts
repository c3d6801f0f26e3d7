/** Writes an answer to its socket: a whole one at once, a stream as fast as the client reads it. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type AdminResponse, problem, type StreamedResponse } from './exchange.ts'

/** Streams at a time: each holds a connection for as long as its client wants. */
const mostStreams = 32
/** So often it is asked whether the client of a stream may still have it. */
const admittedEveryMs = 1000
/** A client that has not read a piece by then is gone, or might as well be. */
const pieceMs = 60_000

export class Sender {
  /** Of those that are being written: each ends its own. */
  readonly #streams = new Set<AbortController>()

  /**
   * Resolves when the answer is written, or its client has gone.
   * @throws what the stream throws; the answer is then cut off.
   */
  async send(
    message: IncomingMessage,
    response: ServerResponse,
    answer: AdminResponse,
    admitted: () => Promise<boolean> = always,
  ): Promise<void> {
    if ('body' in answer) {
      response.writeHead(answer.status, {
        // 304 has no body, and that of the answer that it stands for is not made.
        ...(answer.status !== 304 && { 'content-length': Buffer.byteLength(answer.body) }),
        ...headersOf(message, answer),
      })
      // Then the octets are with the kernel, or the socket has forgotten them.
      if ('done' in answer) response.once('close', answer.done)
      response.end(message.method === 'HEAD' ? undefined : answer.body)
    } else if (message.method === 'HEAD') {
      response.writeHead(answer.status, headersOf(message, answer))
      response.end()
    } else if (this.#streams.size >= mostStreams) {
      await this.send(message, response, tooManyStreams)
    } else {
      response.writeHead(answer.status, headersOf(message, answer))
      await this.#stream(response, answer, admitted)
    }
  }

  /** Streams are told to end; their clients see a whole answer. */
  close(): void {
    for (const end of this.#streams) end.abort()
  }

  /** A stream has no end of its own: it is over once its client is not admitted any more. */
  async #stream(
    response: ServerResponse,
    answer: StreamedResponse,
    admitted: () => Promise<boolean>,
  ): Promise<void> {
    const end = new AbortController()
    this.#streams.add(end)
    response.once('close', () => end.abort())
    const looking = setInterval(() => {
      void admitted().then((still) => {
        if (!still) end.abort()
      })
    }, admittedEveryMs).unref()
    try {
      const pieces = readInTime(answer.stream(end.signal), () => response.destroy())
      // One piece ahead of its client, and no more.
      await pipeline(Readable.from(pieces, { highWaterMark: 1 }), response)
    } catch (error) {
      // Its client has gone: there is nobody to tell.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    } finally {
      clearInterval(looking)
      this.#streams.delete(end)
    }
  }
}

const always = async (): Promise<boolean> => await Promise.resolve(true)

/** Tells when the next piece is not asked for in time. */
async function* readInTime(
  pieces: AsyncIterable<string>,
  onLate: () => void,
): AsyncGenerator<string, void, undefined> {
  for await (const piece of pieces) {
    const timer = setTimeout(onLate, pieceMs)
    try {
      yield piece
    } finally {
      clearTimeout(timer)
    }
  }
}

const tooManyStreams: AdminResponse = {
  ...problem(503, 'too many streams are being read', `at most ${mostStreams} at a time`),
  headers: { 'retry-after': '5' },
}

function headersOf(
  message: IncomingMessage,
  { contentType, headers }: AdminResponse,
): Record<string, string> {
  // A body that nobody reads would have to be read before the connection could be used again.
  const hasBody = 'content-length' in message.headers || 'transfer-encoding' in message.headers
  const unread = hasBody && !message.complete
  return {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
    ...(unread && { connection: 'close' }),
  }
}

/**
 * What is no HTTP, too long or too slow never reaches an operation; it still gets an answer in the
 * form of all others.
 */
export function refuseBadHttp(
  error: NodeJS.ErrnoException,
  socket: Socket | { destroy(): void },
): void {
  if (!('writable' in socket) || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const { status, contentType, body } = badHttp.get(error.code ?? '') ?? notHttp
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `content-type: ${contentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end([...head, '', body].join('\r\n'), () => {
    socket.destroy()
  })
}

const notHttp = problem(400, 'this is not a valid HTTP request', 'HTTP/1.1')
const badHttp = new Map([
  ['HPE_HEADER_OVERFLOW', problem(431, 'path and headers are too long', 'at most 16384 bytes')],
  [
    'ERR_HTTP_REQUEST_TIMEOUT',
    problem(408, 'the request took too long', 'a whole request within the time limit'),
  ],
])
