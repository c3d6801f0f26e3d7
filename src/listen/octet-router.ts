/**
 * The octets of one connection, to whoever they are for: command lines, a text after DATA, the
 * counted octets of a BDAT chunk. What stands behind the end of a text or a chunk are command lines
 * again. Understands no command.
 */
import { BinaryReceiver } from '../smtp/binary-receiver.ts'
import { type LineEvent, LineSplitter } from '../smtp/line-splitter.ts'
import {
  type TakeText,
  type TextFault,
  TextReceiver,
  type TextReceiverOptions,
} from '../smtp/text-receiver.ts'

/** Told while octets are pushed, at any depth: what it does may push on. */
export interface OctetListener {
  /**
   * The next octets of a message, without stuffed dots. Not to be kept longer than their chunk may
   * live. `dotted`: a line may begin with a dot in them.
   */
  take(octets: Buffer, dotted: boolean): void
  /** The octets at hand ended within a text. */
  turnEnded(): void
  textEnded(sizeBytes: number, fault: TextFault | undefined): void
  /** The end of a text that nobody wanted. */
  droppedTextEnded(): void
  /** The whole chunk is in, and it is not the last one. */
  chunkTaken(bytes: number): void
}

export interface OctetRouterOptions {
  readonly text: Omit<TextReceiverOptions, 'dots'>
  readonly commandLineBytes: number
}

/** As in the command and the effect of that name. */
export interface Chunk {
  readonly bytes: number
  readonly first: boolean
  readonly last: boolean
  readonly discard: boolean
  readonly binary: boolean
}

export class OctetRouter {
  readonly #options: OctetRouterOptions
  readonly #listener: OctetListener
  readonly #splitter: LineSplitter
  #receiver: TextReceiver | BinaryReceiver | undefined
  /** Between chunks a text is under way too, but the octets are commands. */
  #use: 'text' | 'dropped' | 'chunks' = 'text'
  #chunk: Chunk | undefined
  /** Octets of the chunk that are still to come. */
  #left = 0

  constructor(options: OctetRouterOptions, listener: OctetListener) {
    this.#options = options
    this.#listener = listener
    this.#splitter = new LineSplitter(options.commandLineBytes)
  }

  /** Octets that came in and belong to no line, text or chunk yet. */
  get unreadBytes(): number {
    return this.#splitter.pendingBytes
  }

  /** What comes now are no command lines. */
  get takesOctets(): boolean {
    return this.#chunk !== undefined || (this.#receiver !== undefined && this.#use !== 'chunks')
  }

  push(data: Buffer): void {
    if (this.#chunk !== undefined) return this.#takeChunk(this.#chunk, data)
    if (this.#receiver === undefined || this.#use === 'chunks') return this.#splitter.push(data)
    const rest = this.#receiver.push(data)
    if (rest === undefined) return this.#listener.turnEnded()
    if (rest.length > 0) this.#splitter.push(rest)
    this.#endText(this.#receiver)
  }

  /** The next command line; undefined until more octets come. Not while it `takesOctets`. */
  nextLine(): LineEvent | undefined {
    return this.#splitter.next()
  }

  /** Octets of a text or chunk that came in one read with the command that began it. */
  readAhead(): void {
    if (this.#chunk !== undefined || (this.takesOctets && this.unreadBytes > 0))
      this.push(this.#splitter.takeRest())
  }

  beginText(): void {
    this.#use = 'text'
    this.#receiver = new TextReceiver({ ...this.#options.text, dots: true }, (octets, dotted) =>
      this.#listener.take(octets, dotted),
    )
  }

  /** A text that nobody gets. */
  dropText(): void {
    this.#use = 'dropped'
    this.#receiver = new TextReceiver({ ...this.#options.text, dots: true }, () => undefined)
  }

  beginChunk(chunk: Chunk): void {
    if (chunk.first) {
      this.#use = 'chunks'
      const { text } = this.#options
      const take: TakeText = (octets, dotted) => this.#listener.take(octets, dotted)
      this.#receiver = chunk.binary
        ? new BinaryReceiver(text, take)
        : new TextReceiver({ ...text, dots: false }, take)
    }
    this.#chunk = chunk
    this.#left = chunk.bytes
  }

  /** The transaction is over; what is left of its text goes nowhere. */
  abandon(): void {
    this.#receiver = undefined
  }

  /** Throws away what was not read. */
  forget(): void {
    this.#splitter.takeRest()
  }

  #takeChunk(chunk: Chunk, data: Buffer): void {
    const mine = data.subarray(0, this.#left)
    this.#left -= mine.length
    if (!chunk.discard) this.#receiver?.push(mine)
    if (this.#left > 0) return
    this.#chunk = undefined
    if (data.length > mine.length) this.#splitter.push(data.subarray(mine.length))
    if (chunk.discard) return
    if (chunk.last && this.#receiver !== undefined) {
      this.#receiver.finish()
      this.#endText(this.#receiver)
    } else this.#listener.chunkTaken(chunk.bytes)
  }

  #endText(receiver: TextReceiver | BinaryReceiver): void {
    this.#receiver = undefined
    if (this.#use === 'dropped') this.#listener.droppedTextEnded()
    else this.#listener.textEnded(receiver.sizeBytes, receiver.fault)
  }
}
