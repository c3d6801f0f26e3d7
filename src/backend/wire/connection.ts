/**
 * One SMTP or LMTP connection to a backend: commands out, replies in, in order. Knows nothing of
 * transactions, nor how it was opened (open-smtp.ts). Owns its socket and its one timer, and ends
 * both.
 */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { LazyTimer } from '../../loop/lazy-timer.ts'
import { atEndOfTurn } from '../../loop/end-of-turn.ts'
import type { Extensions } from '../../smtp/ehlo.ts'
import { isCommandLine, writeOctets } from '../../smtp/octets.ts'
import { replies } from '../../smtp/replies.ts'
import { describeReply, type Reply } from '../../smtp/reply.ts'
import { ReplyParser } from '../../smtp/reply-parser.ts'
import type { ReplyOrFailed } from './command-reply.ts'
import { usable } from './offers.ts'
import { type BackendTls, type SocketAddress, upgrade } from './secure.ts'

export interface ConnectionOptions extends SocketAddress {
  /** LHLO in place of EHLO, and one reply per recipient after the text (RFC 2033). */
  readonly lmtp?: boolean | undefined
  /** Absent: clear text. */
  readonly tls?: BackendTls | undefined
  readonly helo: string
  /** For each reply, and for each stop while a text is sent, in ms. */
  readonly replyTimeoutMs: number
}

interface Awaited {
  readonly onReply: (reply: ReplyOrFailed) => void
  limitMs: number | undefined
}

/** Up to this size pieces are put together to one, which leaves faster than many do. */
const onePieceBytes = 64 * 1024
/** How long a server may take to close after QUIT, in ms. */
const lingerMs = 1000

export class SmtpConnection {
  #socket: Socket
  #parser = new ReplyParser()
  readonly #awaited: Awaited[] = []
  readonly #options: ConnectionOptions
  /** Commands that a backend without PIPELINING has to be shown one by one. */
  readonly #unsent: { readonly line: string; readonly awaited: Awaited }[] = []
  #out = ''
  #flushing = false
  readonly #patience = new LazyTimer(() => this.#onTime())
  #ended: string | undefined
  /** 421 was said: whatever is still awaited will not come. */
  #closing = false
  #extensions: Extensions = new Map()
  /** Version of TLS, once there is any. */
  tlsVersion: string | undefined
  /** Why it goes on in clear although TLS was tried. */
  clearBecause: string | undefined
  /** Key of the client whom the server takes this connection for; absent: us. */
  client: string | undefined
  /** Transactions begun and commands refused on this connection. */
  transactions = 0
  errors = 0
  /** When something was last heard on it, in ms that only grow. */
  heardAt = performance.now()
  /** Called once, when the connection is over for whatever reason. */
  onEnd: (why: string) => void = () => undefined
  /** Called once, when its socket is closed too: the server may count it until then. */
  onClosed: () => void = () => undefined

  constructor(options: ConnectionOptions, socket: Socket) {
    this.#options = options
    this.#socket = socket
    this.#listen(socket)
  }

  #listen(socket: Socket): void {
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message))
    socket.on('end', () => this.#end('the backend closed the connection'))
    socket.on('close', () => {
      this.#end('the connection was closed')
      this.onClosed()
    })
  }

  /** What the server offers, as far as it can be made use of on this connection. */
  get extensions(): Extensions {
    return this.#extensions
  }
  set extensions(offered: Extensions) {
    const verified = this.tlsVersion !== undefined && this.#options.tls?.verifiesHost === true
    this.#extensions = usable(offered, verified)
  }

  /** TLS begins, behind the 220 to STARTTLS. */
  upgrade(tls: BackendTls): void {
    const plain = this.#socket
    plain.removeAllListeners()
    // What came in clear behind the 220, whole replies or half ones, must not answer what is asked
    // in TLS (CVE-2021-38371).
    this.#parser = new ReplyParser()
    this.#socket = upgrade(plain, this.#options.host, tls)
    plain.on('error', () => this.#socket.destroy())
    this.#listen(this.#socket)
  }

  /** Nothing is awaited, and more can be asked. */
  get usable(): boolean {
    return this.alive && !this.#closing && this.#awaited.length === 0 && this.#unsent.length === 0
  }
  get alive(): boolean {
    return this.#ended === undefined
  }
  /** Why it is over; undefined while it is not. */
  get ended(): string | undefined {
    return this.#ended
  }
  /** Present once TLS has begun. */
  get tlsSocket(): TLSSocket | undefined {
    return this.#socket instanceof TLSSocket ? this.#socket : undefined
  }
  /** TLS is to be had, and not used. */
  get clear(): boolean {
    return this.tlsVersion === undefined && this.extensions.has('STARTTLS')
  }
  /** What a server that is not told the client knows of who is connected. */
  get seen(): { readonly address: string; readonly helo: string } {
    return { address: this.#socket.localAddress ?? '', helo: this.#options.helo }
  }
  get lmtp(): boolean {
    return this.#options.lmtp === true
  }
  get pipelines(): boolean {
    return this.extensions.has('PIPELINING')
  }

  /**
   * Sends a command line; its reply goes to `heard`, in order. Lines of one turn of the loop leave
   * in one write.
   */
  command(line: string, onReply: (reply: ReplyOrFailed) => void): void {
    const awaited = { onReply, limitMs: this.#options.replyTimeoutMs }
    if (this.#ended !== undefined) {
      const failed = this.#ended
      queueMicrotask(() => onReply({ failed }))
      return
    }
    // Whatever made it: its octets would be another command, or another address. The server never
    // hears of it.
    if (!isCommandLine(line)) {
      queueMicrotask(() => onReply(replies.cannotBeSaid))
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
    atEndOfTurn(this.#flush)
  }

  readonly #flush = (): void => {
    this.#flushing = false
    if (this.#out === '' || this.#ended !== undefined) return
    writeOctets(this.#socket, this.#out)
    this.#out = ''
  }

  #await(awaited: Awaited): void {
    this.#awaited.push(awaited)
    if (this.#awaited.length === 1) this.#patience.set(awaited.limitMs)
  }

  /**
   * Awaits a reply to something that is no command: the greeting, a text. Without a time limit,
   * until `limitReply` sets one.
   */
  expect(onReply: (reply: ReplyOrFailed) => void): void {
    if (this.#ended !== undefined) onReply({ failed: this.#ended })
    else this.#await({ onReply, limitMs: undefined })
  }

  /** From now on, in ms, for each reply that is awaited without a limit. */
  limitReply(ms: number): void {
    if (this.#ended !== undefined) return
    for (const awaited of this.#awaited) awaited.limitMs ??= ms
    if (this.#awaited.length > 0) this.#patience.set(this.#awaited[0]?.limitMs)
  }

  /** Leaves when nothing was asked on it for so many ms; undefined: it stays. */
  leaveAfter(ms: number | undefined): void {
    if (this.#ended === undefined) this.#patience.set(ms)
  }

  #onTime(): void {
    if (this.#awaited.length === 0) this.quit()
    else this.destroy('no reply in time')
  }

  /** The same for several pieces, which leave together. */
  writeAll(pieces: readonly Buffer[]): void {
    const [first] = pieces
    if (first === undefined) return
    if (pieces.length === 1) return this.write(first)
    let size = 0
    for (const { length } of pieces) size += length
    if (size <= onePieceBytes) return this.write(Buffer.concat(pieces, size))
    this.#socket.cork()
    for (const piece of pieces) if (piece.length > 0) this.write(piece)
    this.#socket.uncork()
  }

  /** More should not follow before it has `drained`. */
  get isFull(): boolean {
    return this.#socket.writableNeedDrain && this.#ended === undefined
  }

  /**
   * Writes octets of a text, behind commands that have not left yet; `isFull` says whether more
   * should follow.
   */
  write(bytes: Buffer): void {
    if (this.#ended !== undefined) return
    this.#flush()
    this.#socket.write(bytes)
  }

  /**
   * Resolves when more can be written, or the connection has ended; it is ended when the backend
   * takes nothing for too long.
   */
  async drained(): Promise<void> {
    if (!this.isFull) return
    const { replyTimeoutMs } = this.#options
    await new Promise<void>((resolve) => {
      const timer = setTimeout(
        () => this.destroy('the backend takes no more of the text'),
        replyTimeoutMs,
      )
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
    const parser = this.#parser
    for (const reply of parser.push(chunk)) {
      if (this.#parser !== parser) return // TLS begins behind the 220
      this.#hear(reply)
    }
    if (this.#parser === parser && parser.trouble !== undefined) this.destroy(parser.trouble)
  }

  #hear(reply: Reply): void {
    this.heardAt = performance.now()
    const awaited = this.#awaited.shift()
    // A word that nobody asked for is a 421 or worse: this connection is at its end.
    if (awaited === undefined) return this.destroy(`unasked: ${describeReply(reply)}`)
    this.#patience.set(this.#awaited[0]?.limitMs)
    if (reply.code >= 400) this.errors++
    if (reply.code === 421) this.#closing = true
    awaited.onReply(reply)
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
    this.#patience.end()
    if (!politely) this.#socket.destroy()
    const lost = [
      ...this.#awaited.splice(0),
      ...this.#unsent.splice(0).map((unsent) => unsent.awaited),
    ]
    // A reply whose code has come is the answer, though its end has not.
    const { unfinished } = this.#parser
    if (unfinished !== undefined) lost.shift()?.onReply(unfinished)
    for (const awaited of lost) awaited.onReply({ failed: why })
    this.onEnd(why)
  }
}
