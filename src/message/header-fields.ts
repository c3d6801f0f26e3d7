/**
 * The fields of a header section, in their order (RFC 5322 2.2). Octets stay octets: names and
 * values have one character an octet.
 */

/** Each field takes many times its octets of memory. Real sections have some hundred. */
export const headerFieldsLimit = 10_000

export class HeaderField {
  /** In lower case. */
  readonly name: string
  readonly #text: string
  readonly #valueFrom: number

  /** `valueFrom`: where in `text`, the field as it came, its value begins. */
  constructor(text: string, name: string, valueFrom: number) {
    this.name = name
    this.#text = text
    this.#valueFrom = valueFrom
  }

  /** As the sender wrote it. */
  get writtenName(): string {
    return this.#text.slice(0, this.name.length)
  }

  /** With its name, its folds and the line end. */
  get raw(): string {
    return this.#text
  }

  /** Unfolded; the blanks around it are there still. */
  get value(): string {
    return this.#text.slice(this.#valueFrom).replace(lineEnds, '')
  }

  /** The lines that it takes. */
  get lines(): number {
    return this.#text.split('\n').length - (this.#text.endsWith('\n') ? 1 : 0)
  }
}

export interface HeaderFields {
  /**
   * Up to the first line that is no field: the body begins there for Postfix and sendmail, and for
   * whoever believes or changes something.
   */
  readonly leading: readonly HeaderField[]
  /** All of them, for who would rather see too many. Lines that are no field are left out. */
  readonly all: readonly HeaderField[]
  /** Octets up to the first line that is no field; undefined where every line is one. */
  readonly bodyFrom?: number
}

const start = /[!-9;-~]+[ \t]*:/y
const lineEnds = /\r?\n/g

/** Undefined: it has too many fields to be read. */
export function readFields(header: Buffer): HeaderFields | undefined {
  const { unread, ...fields } = readFirstFields(header)
  return unread ? undefined : fields
}

/**
 * The same of a section with more fields than are read: `bodyFrom` is where reading has ended,
 * should nothing have ended the fields before that, and `unread` is true.
 */
export function readFirstFields(header: Buffer): HeaderFields & { readonly unread: boolean } {
  const text = header.toString('latin1')
  const all: HeaderField[] = []
  let leading: number | undefined
  let bodyFrom: number | undefined
  let read = 0
  let at = 0
  for (; at < text.length && read < headerFieldsLimit; read++) {
    const end = endOfField(text, at)
    start.lastIndex = at
    if (start.test(text)) {
      const name = text
        .slice(at, start.lastIndex - 1)
        .trimEnd()
        .toLowerCase()
      all.push(new HeaderField(text.slice(at, end), name, start.lastIndex - at))
    } else {
      bodyFrom ??= at
      leading ??= all.length
    }
    at = end
  }
  const unread = at < text.length
  if (unread) bodyFrom ??= at
  return {
    leading: leading === undefined ? all : all.slice(0, leading),
    all,
    unread,
    ...(bodyFrom === undefined ? {} : { bodyFrom }),
  }
}

/** Of the line that begins there and those that go on it. */
export function endOfField(text: string, from: number): number {
  let end = endOfLine(text, from)
  while (text[end] === ' ' || text[end] === '\t') end = endOfLine(text, end)
  return end
}

/** Also at a bare LF: there are readers for whom it ends a line. */
function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end === -1 ? text.length : end + 1
}
