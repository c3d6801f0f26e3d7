/**
 * The Message-ID of a text, by which people look for a message: shown, and a key of nothing that is
 * decided.
 */
import { readable } from '../smtp/octets.ts'
import { readFirstFields } from './header-fields.ts'
import { HeaderReader, type HeaderSection } from './header-section.ts'

/** Characters of it that are kept. RFC 5322 2.1.1 has no line with more than 998. */
export const messageIdCharacters = 250

const whiteSpace = /[ \t\r\n]+/g

/** The value of a field, unfolded, with one blank where it had white space. */
export const collapsed = (value: string): string => value.replace(whiteSpace, ' ').trim()

/** As it is shown; `value` has one character an octet. */
export const shownMessageId = (value: string): string =>
  readable(value).slice(0, messageIdCharacters)

/** Reads it while the text comes; what the text has behind its header section is not looked at. */
export class MessageIdReader {
  readonly #section = new HeaderReader()
  #over = false
  #messageId: string | undefined

  /** The first one that is not empty, once the header section has come. */
  get messageId(): string | undefined {
    return this.#messageId
  }

  push(chunk: Buffer): void {
    if (this.#over) return
    const section = this.#section.push(chunk)
    if (section !== undefined) this.#read(section)
  }

  /** There are no more octets. */
  end(): void {
    if (!this.#over) this.#read(this.#section.end())
  }

  #read({ header }: HeaderSection): void {
    this.#over = true
    for (const field of readFirstFields(header).leading) {
      const value = field.name === 'message-id' ? collapsed(field.value) : ''
      if (value === '') continue
      this.#messageId = shownMessageId(value)
      return
    }
  }
}
