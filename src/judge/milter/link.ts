/** A connection to a filter: frames out, frames in, and a limit on all that is read. */
import { createConnection, type Socket } from 'node:net'
import { limitConnecting } from '../../exchange/connecting.ts'
import { writeChunk } from '../../exchange/octets.ts'
import { type Frame, FrameReader } from './wire.ts'

export interface MilterServer {
  readonly host: string
  readonly port: number
  /** In place of host and port. */
  readonly socketPath?: string
}

export interface LinkLimits {
  /** Of all that is read. */
  readonly answerLimitBytes: number
  readonly connectTimeoutMs: number
  readonly signal: AbortSignal
}

export class Link {
  readonly #socket: Socket
  readonly #chunks: AsyncIterator<Buffer>
  readonly #frames = new FrameReader()
  readonly #limit: number
  #read = 0

  private constructor(socket: Socket, limit: number) {
    this.#socket = socket
    this.#limit = limit
    // Who reads or writes hears of it.
    socket.on('error', () => undefined)
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  /** The signal destroys it. */
  static open({ host, port, socketPath }: MilterServer, limits: LinkLimits): Link {
    const { signal } = limits
    const socket =
      socketPath === undefined
        ? createConnection({ host, port, signal, noDelay: true })
        : createConnection({ path: socketPath, signal })
    limitConnecting(socket, limits.connectTimeoutMs)
    return new Link(socket, limits.answerLimitBytes)
  }

  /** At the pace at which the filter reads. */
  async write(octets: Buffer): Promise<void> {
    const socket = this.#socket
    if (socket.destroyed)
      throw socket.errored ?? new Error('it closes the connection before it has answered')
    await writeChunk(socket, octets)
  }

  /**
   * The next frame; undefined: the filter has closed the connection.
   * @throws what has gone wrong, in words or as Node's error
   */
  async read(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#frames.next()
      if (frame !== undefined && 'failed' in frame) throw new Error(frame.failed)
      if (frame !== undefined) return frame
      const next = await this.#chunks.next()
      if (next.done === true) return undefined
      this.#read += next.value.length
      if (this.#read > this.#limit)
        throw new Error(`it says more than ${this.#limit} octets of one message`)
      this.#frames.push(next.value)
    }
  }

  /** In peace. */
  leave(farewell: Buffer): void {
    if (!this.#socket.destroyed) this.#socket.end(farewell)
  }

  drop(): void {
    this.#socket.destroy()
  }
}
