/**
 * A text with a revision made in it, while it is read. What no edit names passes as it came, octet
 * for octet: also 8-bit octets, lines that are no fields, and a body without an end of line. Where
 * only fields are put in front, no more than the first line is looked at; what has to stand between
 * them and it is put there (decision 30).
 */
import { toOctets } from '../smtp/octets.ts'
import { TextReceiver } from '../smtp/text-receiver.ts'
import { editHeader, frontOf } from './edited-header.ts'
import type { Edits, Revision } from './edits.ts'
import { jointBefore } from './first-line.ts'
import { HeaderReader, type HeaderSection } from './header-section.ts'
import type { Pour, TextSource, TextTaker } from './text-source.ts'

/** The text itself where nothing is changed in it. */
export function revised(text: TextSource, revision: Revision): TextSource {
  let source = text
  for (const step of revision) {
    if (step.every(({ list }) => list.length === 0)) continue
    const front = frontOf(step)
    source = front === undefined ? new EditedText(source, step) : new FrontedText(source, front)
  }
  return source
}

/**
 * The octets of a text that has fields in front of it already, and what keeps them and it apart.
 */
export const behindFields = (text: TextSource): AsyncIterable<Buffer> =>
  new FrontedText(text, '').chunks()

/** A line of it may begin with a dot. */
const isDotted = (fields: string): boolean => fields.startsWith('.') || fields.includes('\n.')
const emptyLine = Buffer.from('\r\n')
const nothing = Buffer.alloc(0)

class FrontedText implements TextSource {
  readonly #text: TextSource
  readonly #front: string

  constructor(text: TextSource, front: string) {
    this.#text = text
    this.#front = front
  }

  get dotted(): boolean {
    return this.#text.dotted !== false || isDotted(this.#front)
  }

  whole(): readonly Buffer[] | undefined {
    const whole = this.#text.whole()
    if (whole === undefined) return undefined
    const beginning = whole[0] ?? nothing
    const joint =
      jointBefore(beginning, whole.length < 2) ?? jointBefore(Buffer.concat(whole), true) ?? ''
    return [toOctets(this.#front + joint), ...whole]
  }

  async *chunks(): AsyncGenerator<Buffer> {
    const beginning = new FrontedBeginning(this.#front)
    for await (const chunk of this.#text.chunks()) {
      const octets = beginning.over ? chunk : beginning.push(chunk)
      if (octets !== undefined) yield octets
    }
    if (!beginning.over) yield beginning.end()
  }

  pour(taker: TextTaker): Pour | undefined {
    const beginning = new FrontedBeginning(this.#front)
    return this.#text.pour?.({
      take: (chunk) => {
        const octets = beginning.over ? chunk : beginning.push(chunk)
        return octets === undefined || taker.take(octets)
      },
      complete: () => {
        if (!beginning.over) taker.take(beginning.end())
        taker.complete()
      },
      brokenOff: () => taker.brokenOff(),
    })
  }
}

/** Of a text that still comes: what has fields in front of it when the first line is known. */
class FrontedBeginning {
  readonly #front: string
  #held: Buffer = nothing
  over = false

  constructor(front: string) {
    this.#front = front
  }

  push(chunk: Buffer): Buffer | undefined {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const joint = jointBefore(this.#held, false)
    return joint === undefined ? undefined : this.#joined(joint)
  }

  /** Of a text that has ended before. */
  end(): Buffer {
    return this.#joined(jointBefore(this.#held, true) ?? '')
  }

  #joined(joint: string): Buffer {
    this.over = true
    const octets = Buffer.concat([toOctets(this.#front + joint), this.#held])
    this.#held = nothing
    return octets
  }
}

class EditedText implements TextSource {
  readonly #text: TextSource
  readonly #step: readonly Edits[]
  /** In place of what stands behind the empty line; of several the last. */
  readonly #body: TextSource | undefined

  constructor(text: TextSource, step: readonly Edits[]) {
    this.#text = text
    this.#step = step
    this.#body = step
      .flatMap(({ list }) => list)
      .findLast((edit) => edit.do === 'replaceBody')?.body
  }

  whole(): readonly Buffer[] | undefined {
    const whole = this.#text.whole()
    if (whole === undefined || this.#body !== undefined) return undefined
    const reader = new HeaderReader()
    let section: HeaderSection | undefined
    let read = 0
    for (const chunk of whole) {
      section = reader.push(chunk)
      read++
      if (section !== undefined) break
    }
    section ??= reader.end()
    return [...this.#front(section), ...whole.slice(read)]
  }

  async *chunks(): AsyncGenerator<Buffer> {
    const reader = new HeaderReader()
    let known = false
    for await (const chunk of this.#text.chunks()) {
      if (known) {
        yield chunk
        continue
      }
      const section = reader.push(chunk)
      if (section === undefined) continue
      known = true
      yield* this.#front(section)
      if (this.#body !== undefined) break
    }
    if (!known) yield* this.#front(reader.end())
    if (this.#body !== undefined) yield* guarded(this.#body)
  }

  /** The text up to where its body goes on, or begins anew. */
  #front(section: HeaderSection): readonly Buffer[] {
    const { header, fields } = editHeader(section, this.#step)
    if (this.#body !== undefined) return [fields, emptyLine]
    return section.end === 'empty line' ? [header, emptyLine, section.rest] : [header, section.rest]
  }
}

async function* guarded(body: TextSource): AsyncGenerator<Buffer> {
  const guard = new BodyGuard()
  for await (const chunk of body.chunks()) yield* guard.push(chunk)
  yield* guard.end()
}

/** Why octets can't be put in place of a body. */
export function whyNoBody(chunks: readonly Buffer[]): string | undefined {
  const receiver = bodyReceiver(() => undefined)
  for (const chunk of chunks) receiver.push(chunk)
  receiver.finish()
  return receiver.fault
}

const bodyReceiver = (take: (octets: Buffer) => void): TextReceiver =>
  new TextReceiver(
    {
      bareNewlines: 'normalize',
      maxBytes: Infinity,
      maxLineBytes: Infinity,
      maxHeaderBytes: Infinity,
      dots: false,
    },
    take,
  )

/**
 * What somebody else has written in place of a body goes where the sender's would have gone: a bare
 * CR or LF becomes CRLF, so that every server sees the same lines. Throws at a NUL where a line
 * begins.
 */
class BodyGuard {
  #out: Buffer[] = []
  readonly #receiver = bodyReceiver((octets) => void this.#out.push(octets))

  push(chunk: Buffer): readonly Buffer[] {
    this.#receiver.push(chunk)
    return this.#take()
  }

  end(): readonly Buffer[] {
    this.#receiver.finish()
    return this.#take()
  }

  #take(): readonly Buffer[] {
    if (this.#receiver.fault !== undefined)
      throw new Error(`a body that can't be passed on: ${this.#receiver.fault}`)
    const out = this.#out
    this.#out = []
    return out
  }
}
