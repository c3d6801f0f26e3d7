/**
 * A client's end of a connection: replies one by one, and the two ways of leaving. Nothing throws:
 * who is not answered hears undefined.
 */
import { connect, type Socket } from 'node:net'
import type { Line } from './line.ts'

/** Less than what Rcptwise allows itself would be rude: configured limits are below this. */
const patienceMs = 30_000

export class Wire implements Line {
  readonly #socket: Socket
  #buffer = ''
  #wake: () => void = () => undefined
  /** Rcptwise, or the kernel for it, has ended the connection. */
  closed = false
  /** Nothing was said for as long as this client waits. */
  silent = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    const over = (): void => {
      this.closed = true
      this.#wake()
    }
    socket.on('data', (data: Buffer) => {
      this.#buffer += data.toString('latin1')
      this.#wake()
    })
    socket.on('end', over).on('close', over).on('error', over)
  }

  /** Undefined when nobody listens. */
  static async open(port: number, localAddress: string): Promise<Wire | undefined> {
    const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true })
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(new Wire(socket)))
      socket.once('error', () => resolve(undefined))
    })
  }

  send(text: string): void {
    if (!this.#socket.destroyed) this.#socket.write(text, 'latin1')
  }

  /** Something has come that was not read yet, or nothing will come any more. */
  async something(): Promise<void> {
    const end = performance.now() + patienceMs
    while (this.#buffer === '' && !this.closed && !this.silent) await this.#more(end)
  }

  async #more(end: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = setTimeout(() => {
        this.silent = true
        resolve()
      }, end - performance.now())
    })
    clearTimeout(timer)
  }

  /** The last line of the next reply. */
  async reply(): Promise<string | undefined> {
    const end = performance.now() + patienceMs
    for (;;) {
      const at = this.#buffer.indexOf('\r\n')
      if (at !== -1) {
        const line = this.#buffer.slice(0, at)
        this.#buffer = this.#buffer.slice(at + 2)
        if (line[3] !== '-') return line
      } else if (this.closed || this.silent) return undefined
      else await this.#more(end)
    }
  }

  async ask(line: string): Promise<string | undefined> {
    this.send(`${line}\r\n`)
    return await this.reply()
  }

  leave(how: 'FIN' | 'RST'): void {
    if (how === 'RST') {
      this.#socket.resetAndDestroy()
      return
    }
    // As close(2) does: FIN, and RST only once something comes that nobody reads.
    this.#socket.end()
    this.#socket.destroySoon()
  }

  close(): void {
    this.#socket.destroy()
  }
}
