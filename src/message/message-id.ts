/**
 * The Message-ID of a text, by which people look for a message: shown, and a key of nothing that is
 * decided.
 */
import { readable } from '../smtp/octets.ts'
import { endOfField, headerFieldsLimit } from './header-fields.ts'
import { HeaderReader, type HeaderSection } from './header-section.ts'

/** Characters of it that are kept. RFC 5322 2.1.1 has no line with more than 998. */
export const messageIdCharacters = 250

/** A field of any name, up to its value: as readFirstFields has it, which makes objects of all. */
const begun = /[!-9;-~]+[ \t]*:/y
const ours = /message-id[ \t]*:/iy
const whiteSpace = /[ \t\r\n]+/g

/** The value of a field, unfolded, with one blank where it had white space. */
export const collapsed = (value: string): string => value.replace(whiteSpace, ' ').trim()

/** As it is shown; `value` has one character an octet. */
export const shownMessageId = (value: string): string =>
  readable(value).slice(0, messageIdCharacters)

/** Whether the field that begins there has this name. */
function isIn(text: string, at: number): boolean {
  const letter = text[at]
  if (letter !== 'M' && letter !== 'm') return false
  ours.lastIndex = at
  return ours.test(text)
}

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
    const text = header.toString('latin1')
    let at = 0
    for (let fields = 0; at < text.length && fields < headerFieldsLimit; fields++) {
      begun.lastIndex = at
      if (!begun.test(text)) return // no field
      const end = endOfField(text, at)
      const value = isIn(text, at) ? collapsed(text.slice(begun.lastIndex, end)) : ''
      if (value !== '') {
        this.#messageId = shownMessageId(value)
        return
      }
      at = end
    }
  }
}
