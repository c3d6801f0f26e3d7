/**
 * A text that comes from elsewhere, without the header fields that only this site may write
 * (foreign-fields.ts): what judges see, and what is delivered. The usual text has none; it passes
 * as it is.
 */
import { checkEdits, type Edits, type Revision } from '../message/edits.ts'
import { foreignNames } from '../message/foreign-fields.ts'
import { HeaderReader, type HeaderSection } from '../message/header-section.ts'
import { revised } from '../message/revised-text.ts'
import type { TextSource } from '../message/text-source.ts'

const clean: Revision = []

export class Cleaned implements TextSource {
  readonly #text: TextSource
  readonly #host: string
  readonly #cleaning: Revision
  readonly #onRemoved: (names: readonly string[]) => void
  readonly #reader = new HeaderReader()
  #revision: Revision | undefined

  /** `host`: our own name. `onRemoved` hears at most once which fields are not passed on. */
  constructor(text: TextSource, host: string, onRemoved: (names: readonly string[]) => void) {
    this.#onRemoved = onRemoved
    this.#text = text
    this.#host = host
    this.#cleaning = [[removing(host)]]
  }

  /** The next octets of the text as it comes. */
  push(chunk: Buffer): void {
    if (this.#revision !== undefined) return
    const section = this.#reader.push(chunk)
    if (section !== undefined) this.#look(section)
  }

  /** There are no more octets. */
  end(): Revision {
    if (this.#revision === undefined) this.#look(this.#reader.end())
    return this.#revision ?? clean
  }

  #look(section: HeaderSection): void {
    const names = foreignNames(section, this.#host)
    this.#revision = names.length === 0 ? clean : this.#cleaning
    if (names.length > 0) this.#onRemoved(names)
  }

  /** What is changed, once the header section is known. */
  get revision(): Revision | undefined {
    return this.#revision
  }

  whole(): readonly Buffer[] | undefined {
    return this.#cleaned.whole()
  }

  chunks(): AsyncIterable<Buffer> {
    return this.#cleaned.chunks()
  }

  /** Who reads before the section is known reads its fields by themselves. */
  get #cleaned(): TextSource {
    return revised(this.#text, this.#revision ?? this.#cleaning)
  }
}

function removing(host: string): Edits {
  const edits = checkEdits([{ do: 'removeForeign', host }])
  if ('failed' in edits) throw new Error(edits.failed)
  return edits
}
