/**
 * One SMTP connection to a backend: commands out, replies in, in order. Knows nothing of transactions. Owns its socket and its
 * one timer, and ends both.
 */
import { connect, type Socket } from 'node:net'
import { type Extensions, parseExtensions } from '../smtp/ehlo.ts'
import { isPositive, type Reply } from '../smtp/reply.ts'
import { ReplyParser, ReplySyntaxError } from '../smtp/reply-parser.ts'

/** A connection that ended: `what` for the log. Every reply that was still awaited is answered with this. */
export interface Lost {
  readonly lost: string
}
export type Heard = Reply | Lost
export const isLost = (heard: Heard): heard is Lost => 'lost' in heard

export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  readonly helo: string
  readonly connectTimeoutMs: number
  readonly replyTimeoutMs: number
}

interface Awaited {
  readonly heard: (heard: Heard) => void
  readonly limitMs: number
}

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

  /** Connects, reads the greeting and says EHLO. Rejects with an Error that says which step failed. */
  static async open(options: ConnectionOptions): Promise<SmtpConnection> {
    const socket = connect({ host: options.host, port: options.port, autoSelectFamily: true })
    const connection = new SmtpConnection(options, socket)
    const greeting = await connection.#next(options.connectTimeoutMs)
    if (isLost(greeting)) throw new Error(greeting.lost)
    if (!isPositive(greeting)) throw connection.#refused('greeting', greeting)
    const ehlo = await connection.#ask(`EHLO ${options.helo}`)
    if (isLost(ehlo)) throw new Error(ehlo.lost)
    if (isPositive(ehlo)) {
      connection.extensions = parseExtensions(ehlo.lines)
      return connection
    }
    const helo = await connection.#ask(`HELO ${options.helo}`)
    if (isLost(helo)) throw new Error(helo.lost)
    if (!isPositive(helo)) throw connection.#refused('HELO', helo)
    return connection
  }

  #refused(step: string, reply: Reply): Error {
    this.destroy(`refused at ${step}`)
    return new Error(`${step}: ${reply.code} ${reply.lines.join(' / ')}`)
  }

  get usable(): boolean {
    return this.#ended === undefined && this.#awaited.length === 0 && this.#unsent.length === 0
  }
  get alive(): boolean {
    return this.#ended === undefined
  }
  get pipelines(): boolean {
    return this.extensions.has('PIPELINING')
  }

  async #next(limitMs: number): Promise<Heard> {
    return await new Promise((resolve) => this.#await({ heard: resolve, limitMs }))
  }
  async #ask(line: string): Promise<Heard> {
    return await new Promise((resolve) => this.command(line, resolve))
  }

  /** Sends a command line; its reply goes to `heard`, in order. Lines of one turn of the loop leave in one write. */
  command(line: string, heard: (heard: Heard) => void, limitMs = this.#options.replyTimeoutMs): void {
    const awaited = { heard, limitMs }
    if (this.#ended !== undefined) {
      const lost = this.#ended
      queueMicrotask(() => heard({ lost }))
      return
    }
    if (!this.pipelines && this.#awaited.length > 0) this.#unsent.push({ line, awaited })
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

  /** Awaits a reply to what `write` sends: the end of the text. */
  expect(heard: (heard: Heard) => void, limitMs: number): void {
    if (this.#ended !== undefined) heard({ lost: this.#ended })
    else this.#await({ heard, limitMs })
  }

  cork(): void {
    this.#socket.cork()
  }
  uncork(): void {
    this.#socket.uncork()
  }
  /** Writes octets of a text; false when `drained` should be awaited. */
  write(bytes: Buffer | string): boolean {
    if (this.#ended !== undefined) return true
    return typeof bytes === 'string' ? this.#socket.write(bytes, 'latin1') : this.#socket.write(bytes)
  }

  /** Resolves when more can be written, or the connection has ended. */
  async drained(): Promise<void> {
    if (!this.#socket.writableNeedDrain || this.#ended !== undefined) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done)
        this.#socket.off('close', done)
        resolve()
      }
      this.#socket.on('drain', done)
      this.#socket.on('close', done)
    })
  }

  #receive(chunk: Buffer): void {
    let heard: Reply[]
    try {
      heard = this.#parser.push(chunk)
    } catch (error) {
      if (!(error instanceof ReplySyntaxError)) throw error
      return this.destroy(error.message)
    }
    for (const reply of heard) {
      const awaited = this.#awaited.shift()
      // A word that nobody asked for is a 421 or worse: this connection is at its end.
      if (awaited === undefined) return this.destroy(`unasked: ${reply.code} ${reply.lines[0]}`)
      const [next] = this.#awaited
      this.#limit(next?.limitMs)
      if (reply.code >= 400) this.errors++
      awaited.heard(reply)
      const unsent = this.#awaited.length === 0 ? this.#unsent.shift() : undefined
      if (unsent !== undefined) this.#send(unsent.line, unsent.awaited)
    }
  }

  /** Ends the connection at once; what was awaited is lost. */
  destroy(why: string): void {
    this.#end(why)
  }

  /** Leaves politely; nobody waits for the answer. */
  quit(): void {
    if (this.#ended !== undefined) return
    this.#socket.end('QUIT\r\n')
    this.#end('done')
  }

  #end(why: string): void {
    if (this.#ended !== undefined) return
    this.#ended = why
    clearTimeout(this.#timer)
    if (why === 'done') this.#socket.setTimeout(1000, () => this.#socket.destroy())
    else this.#socket.destroy()
    const lost = [...this.#awaited.splice(0), ...this.#unsent.splice(0).map((unsent) => unsent.awaited)]
    for (const awaited of lost) awaited.heard({ lost: why })
    this.onEnd(why)
  }
}
