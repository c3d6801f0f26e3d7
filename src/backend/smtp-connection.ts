/**
 * One SMTP connection to a backend: commands out, replies in, in order. Knows nothing of transactions. Owns its socket and its
 * one timer, and ends both.
 */
import { connect, type Socket } from 'node:net'
import { type Extensions, parseExtensions } from '../smtp/ehlo.ts'
import { describeReply, isPermanent, isPositive, type Reply } from '../smtp/reply.ts'
import { ReplyParser, ReplySyntaxError } from '../smtp/reply-parser.ts'

/** A connection that ended: `lost` says why, for the log. Every reply that was still awaited is answered with this. */
export interface Lost {
  readonly lost: string
}
export type Heard = Reply | Lost
export const isLost = (heard: Heard): heard is Lost => 'lost' in heard

export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  readonly helo: string
  /** From the first packet to the answer to EHLO, in ms. */
  readonly connectTimeoutMs: number
  /** For each reply, and for each stop while a text is sent, in ms. */
  readonly replyTimeoutMs: number
  /** Ends an opening that nobody waits for any more. */
  readonly signal?: AbortSignal
}

interface Awaited {
  readonly heard: (heard: Heard) => void
  readonly limitMs: number | undefined
}

/** How long a server may take to close after QUIT, in ms. */
const lingerMs = 1000

export class SmtpConnection {
  readonly #socket: Socket
  readonly #parser = new ReplyParser()
  readonly #awaited: Awaited[] = []
  readonly #options: ConnectionOptions
  /** Commands that a backend without PIPELINING has to be shown one by one. */
  readonly #unsent: { readonly line: string; readonly awaited: Awaited }[] = []
  #out = ''
  #flushing = false
  #timer: NodeJS.Timeout | undefined
  #ended: string | undefined
  /** 421 was said: whatever is still awaited will not come. */
  #closing = false
  extensions: Extensions = new Map()
  /** Transactions begun and commands refused on this connection. */
  transactions = 0
  errors = 0
  /** Called once, when the connection is over for whatever reason. */
  onEnd: (why: string) => void = () => undefined

  private constructor(options: ConnectionOptions, socket: Socket) {
    this.#options = options
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message))
    socket.on('end', () => this.#end('the backend closed the connection'))
    socket.on('close', () => this.#end('the connection was closed'))
  }

  /** Connects, reads the greeting and says EHLO. Rejects with an Error that says which step failed, and leaves nothing open then. */
  static async open(options: ConnectionOptions): Promise<SmtpConnection> {
    const { host, port, signal, connectTimeoutMs } = options
    const connection = new SmtpConnection(options, connect({ host, port, autoSelectFamily: true }))
    const stop = (): void => connection.destroy('shutting down')
    const timer = setTimeout(() => connection.destroy(`no answer within ${connectTimeoutMs} ms`), connectTimeoutMs)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      await connection.#introduce()
      return connection
    } catch (error) {
      connection.destroy('not opened')
      throw error
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    }
  }

  async #introduce(): Promise<void> {
    const greeting = await new Promise<Heard>((heard) => this.expect(heard))
    if (isLost(greeting)) throw new Error(greeting.lost)
    if (!isPositive(greeting)) throw new Error(`greeting: ${describeReply(greeting)}`)
    const ehlo = await this.#ask(`EHLO ${this.#options.helo}`)
    if (!isLost(ehlo) && isPositive(ehlo)) this.extensions = parseExtensions(ehlo.lines)
    // Only who does not know EHLO is greeted with HELO (RFC 5321 3.2); a 4yz is no such answer.
    else if (!isLost(ehlo) && isPermanent(ehlo)) requirePositive('HELO', await this.#ask(`HELO ${this.#options.helo}`))
    else requirePositive('EHLO', ehlo)
    if (this.#ended !== undefined) throw new Error(this.#ended)
  }

  async #ask(line: string): Promise<Heard> {
    return await new Promise((heard) => this.command(line, heard))
  }

  /** Nothing is awaited, and more can be asked. */
  get usable(): boolean {
    return this.alive && !this.#closing && this.#awaited.length === 0 && this.#unsent.length === 0
  }
  get alive(): boolean {
    return this.#ended === undefined
  }
  get pipelines(): boolean {
    return this.extensions.has('PIPELINING')
  }

  /** Sends a command line; its reply goes to `heard`, in order. Lines of one turn of the loop leave in one write. */
  command(line: string, heard: (heard: Heard) => void): void {
    const awaited = { heard, limitMs: this.#options.replyTimeoutMs }
    if (this.#ended !== undefined) {
      const lost = this.#ended
      queueMicrotask(() => heard({ lost }))
      return
    }
    const wait = !this.pipelines && (this.#awaited.length > 0 || this.#unsent.length > 0)
    if (wait) this.#unsent.push({ line, awaited })
    else this.#send(line, awaited)
  }

  #send(line: string, awaited: Awaited): void {
    this.#await(awaited)
    this.#out += `${line}\r\n`
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#flushing = false
    if (this.#out === '' || this.#ended !== undefined) return
    this.#socket.write(this.#out, 'latin1')
    this.#out = ''
  }

  #await(awaited: Awaited): void {
    this.#awaited.push(awaited)
    if (this.#awaited.length === 1) this.#limit(awaited.limitMs)
  }

  #limit(ms: number | undefined): void {
    clearTimeout(this.#timer)
    this.#timer = ms === undefined ? undefined : setTimeout(() => this.destroy('no reply in time'), ms)
  }

  /** Awaits a reply to something that is no command: the greeting, a text. Without a time limit, until `limitReply` sets one. */
  expect(heard: (heard: Heard) => void): void {
    if (this.#ended !== undefined) heard({ lost: this.#ended })
    else this.#await({ heard, limitMs: undefined })
  }

  /** From now on, in ms, for the one reply that is awaited. */
  limitReply(ms: number): void {
    if (this.alive && this.#awaited.length > 0) this.#limit(ms)
  }

  cork(): void {
    this.#socket.cork()
  }
  uncork(): void {
    this.#socket.uncork()
  }
  /** Writes octets of a text; `drained` says when more should follow. */
  write(bytes: Buffer | string): void {
    if (this.#ended !== undefined) return
    if (typeof bytes === 'string') this.#socket.write(bytes, 'latin1')
    else this.#socket.write(bytes)
  }

  /** Resolves when more can be written, or the connection has ended; it is ended when the backend takes nothing for too long. */
  async drained(): Promise<void> {
    if (!this.#socket.writableNeedDrain || this.#ended !== undefined) return
    const { replyTimeoutMs } = this.#options
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.destroy('the backend takes no more of the text'), replyTimeoutMs)
      const done = (): void => {
        clearTimeout(timer)
        this.#socket.off('drain', done)
        this.#socket.off('close', done)
        resolve()
      }
      this.#socket.on('drain', done)
      this.#socket.on('close', done)
    })
  }

  #receive(chunk: Buffer): void {
    if (this.#ended !== undefined) return
    let replies: Reply[]
    try {
      replies = this.#parser.push(chunk)
    } catch (error) {
      if (!(error instanceof ReplySyntaxError)) throw error
      return this.destroy(error.message)
    }
    for (const reply of replies) this.#hear(reply)
  }

  #hear(reply: Reply): void {
    const awaited = this.#awaited.shift()
    // A word that nobody asked for is a 421 or worse: this connection is at its end.
    if (awaited === undefined) return this.destroy(`unasked: ${describeReply(reply)}`)
    this.#limit(this.#awaited[0]?.limitMs)
    if (reply.code >= 400) this.errors++
    if (reply.code === 421) this.#closing = true
    awaited.heard(reply)
    if (this.#closing) return this.destroy(describeReply(reply))
    const unsent = this.#awaited.length === 0 ? this.#unsent.shift() : undefined
    if (unsent !== undefined) this.#send(unsent.line, unsent.awaited)
  }

  /** Ends the connection at once; what was awaited is lost. */
  destroy(why: string): void {
    this.#end(why)
  }

  /** Leaves politely; nobody waits for the answer. */
  quit(): void {
    if (this.#ended !== undefined) return
    this.#socket.end('QUIT\r\n')
    const timer = setTimeout(() => this.#socket.destroy(), lingerMs)
    this.#socket.once('close', () => clearTimeout(timer))
    this.#end('done', true)
  }

  #end(why: string, politely = false): void {
    if (this.#ended !== undefined) return
    this.#ended = why
    clearTimeout(this.#timer)
    if (!politely) this.#socket.destroy()
    const lost = [...this.#awaited.splice(0), ...this.#unsent.splice(0).map((unsent) => unsent.awaited)]
    for (const awaited of lost) awaited.heard({ lost: why })
    this.onEnd(why)
  }
}

function requirePositive(step: string, heard: Heard): void {
  if (isLost(heard)) throw new Error(`${step}: ${heard.lost}`)
  if (!isPositive(heard)) throw new Error(`${step}: ${describeReply(heard)}`)
}
