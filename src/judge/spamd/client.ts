/**
 * Asks spamd: one connection a message, over TCP or a Unix socket. Our side is always closed behind
 * the text: spamd reads lines, and would wait for the end of a last one without its line end
 * (measured with 4.0.1). Knows nothing of policies.
 */
import { createConnection, type Socket } from 'node:net'
import { limitConnecting } from '../../exchange/connecting.ts'
import {
  askedAt,
  type Failed,
  failureInWords,
  readBounded,
  writeText,
} from '../../exchange/octets.ts'
import type { Scanned as Complete } from '../scanner.ts'
import { JudgeServers, type ServerChange } from '../servers.ts'
import { isPong, readAnswer, request, type SpamdAnswer } from './wire.ts'

export interface SpamdServer {
  readonly host: string
  readonly port: number
  /** In place of host and port. */
  readonly socketPath?: string
}

export interface SpamdClientOptions {
  readonly servers: readonly SpamdServer[]
  /** Of an answer; spamd's have some hundred octets. */
  readonly answerLimitBytes: number
  /** For a connection to a server. */
  readonly connectTimeoutMs: number
  readonly now: () => number
  readonly onChange: (change: ServerChange) => void
}

export interface Scanned extends Complete {
  readonly user?: string
}

interface Named extends SpamdServer {
  readonly name: string
}

export class SpamdClient {
  readonly #limit: number
  readonly #connectTimeoutMs: number
  readonly #servers: JudgeServers<Named>

  constructor(options: SpamdClientOptions) {
    const { servers, now, onChange } = options
    this.#limit = options.answerLimitBytes
    this.#connectTimeoutMs = options.connectTimeoutMs
    const named = servers.map((server) => ({ ...server, name: nameOf(server) }))
    this.#servers = new JudgeServers({ servers: named, now, onChange })
  }

  trouble(): string | undefined {
    return this.#servers.trouble()
  }

  /**
   * The answer of the first server that gives one.
   * @throws the signal's reason
   */
  async scan(scanned: Scanned): Promise<SpamdAnswer | Failed> {
    return await this.#servers.firstOf(
      async (server) => await this.#ask(server, scanned),
      scanned.signal,
    )
  }

  /** Whether a server answers as spamd does; or what is wrong, in words. */
  async ping(server: SpamdServer, signal: AbortSignal): Promise<string | undefined> {
    const socket = this.#open(server, signal)
    try {
      socket.end('PING SPAMC/1.5\r\n\r\n')
      const answer = await readBounded(socket, this.#limit)
      return answer !== undefined && isPong(answer) ? undefined : 'answers, but not as spamd does'
    } catch (error) {
      return askedAt(failureInWords(error), 'judges[].spamd.url')
    } finally {
      socket.destroy()
    }
  }

  async #ask(
    server: SpamdServer,
    { text, size, user, signal }: Scanned,
  ): Promise<SpamdAnswer | Failed> {
    const socket = this.#open(server, signal)
    try {
      socket.write(request(size, user))
      const [answer] = await Promise.all([
        readBounded(socket, this.#limit),
        writeText(socket, text, ['end']),
      ])
      return answer === undefined
        ? { failed: `its answer has more than ${this.#limit} octets` }
        : readAnswer(answer)
    } catch (error) {
      return { failed: failureInWords(error) }
    } finally {
      socket.destroy()
    }
  }

  #open({ host, port, socketPath }: SpamdServer, signal: AbortSignal): Socket {
    const socket =
      socketPath === undefined
        ? createConnection({ host, port, signal, allowHalfOpen: true })
        : createConnection({ path: socketPath, signal, allowHalfOpen: true })
    // Who reads or writes hears of it.
    socket.on('error', () => undefined)
    limitConnecting(socket, this.#connectTimeoutMs)
    return socket
  }
}

export const nameOf = ({ host, port, socketPath }: SpamdServer): string =>
  socketPath ?? (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)
