/** One connection to a socketmap server: a request, its reply, the next request. */
import { connect, type Socket } from 'node:net'
import { netstring, NetstringReader } from './netstring.ts'

export interface SocketmapServer {
  readonly host: string
  readonly port: number
  /** In place of host and port. */
  readonly socketPath?: string
}

/** As Postfix has it (socketmap_table(5)). */
export const mostReplyOctets = 100_000
/** How long a connection is kept that nobody uses. */
const idleMs = 60_000

/** The connection is gone: another one may do. */
export class LostLinkError extends Error {}

export class SocketmapLink {
  readonly #socket: Socket
  readonly #reader = new NetstringReader(mostReplyOctets)
  #asked: PromiseWithResolvers<string> | undefined
  /** Why it is of no use any more. */
  #trouble: Error | undefined

  constructor({ host, port, socketPath }: SocketmapServer) {
    this.#socket = socketPath === undefined ? connect(port, host) : connect(socketPath)
    this.#socket.setNoDelay(true)
    this.#socket.setTimeout(idleMs, () => {
      if (this.#asked === undefined) this.destroy()
    })
    this.#socket.on('data', (chunk) => this.#read(chunk))
    this.#socket.on('error', (error) => this.#end(new LostLinkError(inWords(error))))
    this.#socket.on('close', () => this.#end(new LostLinkError('it has closed the connection')))
  }

  get isUsable(): boolean {
    return this.#trouble === undefined
  }

  /** One at a time; rejects with what is wrong. */
  async ask(request: string): Promise<string> {
    if (this.#trouble !== undefined) throw this.#trouble
    this.#asked = Promise.withResolvers<string>()
    const { promise } = this.#asked
    this.#socket.write(netstring(request))
    return await promise
  }

  destroy(): void {
    this.#end(new LostLinkError('it is closed'))
  }

  #read(chunk: Buffer): void {
    try {
      const reply = this.#reader.push(chunk)
      if (reply === undefined) return
      const asked = this.#asked
      this.#asked = undefined
      if (asked === undefined) throw new Error('it has answered what nobody has asked')
      asked.resolve(reply.toString('utf8'))
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #end(why: Error): void {
    this.#trouble ??= why
    this.#asked?.reject(this.#trouble)
    this.#asked = undefined
    this.#socket.destroy()
  }
}

const inWords = (error: Error): string =>
  'code' in error && typeof error.code === 'string' ? error.code : error.message
