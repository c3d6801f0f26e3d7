/** A message from a file, as a client would send it: with CRLF, within the limits of texts. */
import type { Config } from '../../config/config.ts'
import type { TextSource } from '../../message/text-source.ts'
import { type TextFault, TextReceiver } from '../../smtp/text-receiver.ts'
import { createFingerprint } from '../../split/fingerprint.ts'
import type { MessageIdentity } from '../../split/split.ts'

export interface MessageText extends TextSource {
  readonly sizeBytes: number
  /** Why the text would be refused as it is, whoever it is for. */
  readonly fault?: TextFault
  /** Absent with a fault. */
  readonly identity?: MessageIdentity
}

const LF = 0x0a
const CR = 0x0d

/**
 * Of a text that is too large its size is counted and nothing is kept. A file with LF alone is one
 * that was saved on Unix, and no message with bare newlines.
 */
export async function readMessage(
  file: AsyncIterable<Buffer>,
  config: Pick<Config, 'limits' | 'bareNewlines'>,
): Promise<MessageText> {
  const text = new Text(config)
  for await (const chunk of file) text.push(chunk)
  return text.end()
}

/** So much is waited for at most until a line has ended. */
const firstLineBytes = 64 * 1024

class Text {
  readonly #config: Pick<Config, 'limits' | 'bareNewlines'>
  readonly #fingerprint = createFingerprint()
  readonly #kept: Buffer[] = []
  /** Until it is known how the first line ends. */
  #beginning: Buffer = Buffer.alloc(0)
  #receiver: TextReceiver | undefined
  #endsLine = true

  constructor(config: Pick<Config, 'limits' | 'bareNewlines'>) {
    this.#config = config
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.#endsLine = chunk.at(-1) === LF
    if (this.#receiver !== undefined) {
      this.#receiver.push(chunk)
      return
    }
    this.#beginning = Buffer.concat([this.#beginning, chunk])
    if (this.#beginning.includes(LF) || this.#beginning.length >= firstLineBytes) this.#begin()
  }

  #begin(): TextReceiver {
    const { limits, bareNewlines } = this.#config
    const first = this.#beginning.indexOf(LF)
    const receiver = new TextReceiver(
      {
        bareNewlines:
          first !== -1 && this.#beginning[first - 1] !== CR ? 'normalize' : bareNewlines,
        maxBytes: limits.messageSizeBytes,
        maxLineBytes: limits.textLineBytes,
        maxHeaderBytes: limits.headerBytes,
        dots: false,
      },
      (octets) => this.#keep(octets),
    )
    receiver.push(this.#beginning)
    this.#receiver = receiver
    return receiver
  }

  #keep(octets: Buffer): void {
    this.#kept.push(Buffer.from(octets))
    this.#fingerprint.push(octets)
  }

  end(): MessageText {
    const receiver = this.#receiver ?? this.#begin()
    if (!this.#endsLine) receiver.push(Buffer.from('\r\n'))
    receiver.finish()
    const { sizeBytes, fault } = receiver
    const whole = fault === undefined ? this.#kept : []
    return {
      sizeBytes,
      ...(fault === undefined ? { identity: this.#fingerprint.end() } : { fault }),
      whole: () => whole,
      async *chunks() {
        yield* await Promise.resolve(whole)
      },
    }
  }
}
