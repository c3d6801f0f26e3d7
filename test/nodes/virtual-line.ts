/** A client's end of a connection of the run, as its sender has it (test/chaos/line.ts). */
import type { Line } from '../chaos/line.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** The front-end's end. */
export interface OtherEnd {
  receive(text: string): void
  endOfInput(): void
  lost(): void
}

export class VirtualLine implements Line {
  /** Who says nothing for ever is seen as a message that nobody answers. */
  readonly silent = false
  closed = false
  #left = false
  #buffer = ''
  #wake: () => void = () => undefined
  readonly #clock: VirtualClock
  /** One way, ms. */
  readonly #wayMs: number
  #other: OtherEnd | undefined

  constructor(clock: VirtualClock, wayMs: number) {
    this.#clock = clock
    this.#wayMs = wayMs
  }

  /** The connection is there. */
  join(other: OtherEnd): void {
    this.#other = other
  }

  /** Said by the front-end. Who has left answers with RST. */
  said(text: string): void {
    this.#clock.after(this.#wayMs, () => {
      if (this.#left) {
        this.#clock.after(this.#wayMs, () => this.#other?.lost())
        return
      }
      this.#buffer += text
      this.#wake()
    })
  }

  /** The front-end has ended it, or is no more. */
  ended(): void {
    this.#clock.after(this.#wayMs, () => {
      this.closed = true
      this.#wake()
    })
  }

  send(text: string): void {
    if (this.#left || this.closed) return
    this.#clock.after(this.#wayMs, () => this.#other?.receive(text))
  }

  async something(): Promise<void> {
    while (this.#buffer === '' && !this.closed) await this.#more()
  }

  async reply(): Promise<string | undefined> {
    for (;;) {
      const at = this.#buffer.indexOf('\r\n')
      if (at !== -1) {
        const line = this.#buffer.slice(0, at)
        this.#buffer = this.#buffer.slice(at + 2)
        if (line[3] !== '-') return line
      } else if (this.closed) return undefined
      else await this.#more()
    }
  }

  async ask(line: string): Promise<string | undefined> {
    this.send(`${line}\r\n`)
    return await this.reply()
  }

  leave(how: 'FIN' | 'RST'): void {
    if (this.#left) return
    this.#left = true
    this.#clock.after(this.#wayMs, () =>
      how === 'RST' ? this.#other?.lost() : this.#other?.endOfInput(),
    )
  }

  close(): void {
    this.leave('FIN')
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve))
  }
}
