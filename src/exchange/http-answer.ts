/**
 * One answer over HTTP/1.1, read from its octets however they are cut (RFC 9112). Pure. Strict:
 * what two readers could read differently is no answer. What comes behind it is not looked at.
 */
import { Gathered } from './gathered.ts'

/** Octets of all heads of one answer together: those before it (1xx), its own, and its trailers. */
export const maxHeadBytes = 16 * 1024
/** Of the line that says how long a chunk is, with its end. */
export const maxChunkLineBytes = 1024

export interface HttpAnswer {
  readonly status: number
  readonly body: Buffer
  /** The value of a field that the server has sent once. */
  readonly field: (name: string) => string | undefined
}

interface Head {
  readonly status: number
  /** Names in small letters. */
  readonly fields: readonly (readonly [name: string, value: string])[]
}

type Awaited =
  'head' | 'body' | 'chunk size' | 'chunk' | 'chunk end' | 'trailers' | 'end of connection' | 'none'

const lineEnd = Buffer.from('\r\n')
const headEnd = Buffer.from('\r\n\r\n')
const version = Buffer.from('HTTP/1.')
const statusLine = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/
/** RFC 9110 5.1 and 5.5. A field that goes on in a next line is obsolete (RFC 9112 5.2). */
const fieldLine = /^([\w!#$%&'*+.^`|~-]+):([\t\x20-\x7e\x80-\xff]*)$/
const decimal = /^[0-9]{1,15}$/
/** RFC 9112 7.1; what the extensions say is nobody's. */
const chunkLine = /^([0-9a-f]{1,8})(?:[\t ;][\t\x20-\x7e\x80-\xff]*)?$/i

const notHttp = 'it does not speak HTTP'

export class HttpAnswerReader {
  readonly #bodyLimit: number
  readonly #unread = new Gathered()
  #awaited: Awaited = 'head'
  #headBytes = 0
  #head: Head | undefined
  /** Octets of the body, or of its chunk, that have not come. */
  #missing = 0
  readonly #chunks = new Gathered()
  #body: Buffer | undefined
  #failed: string | undefined

  /** `bodyLimit`: octets of a body; a longer one is a failure. */
  constructor(bodyLimit: number) {
    this.#bodyLimit = bodyLimit
  }

  /** Why there will be no answer. */
  get failed(): string | undefined {
    return this.#failed
  }

  /** Once it is complete. */
  get answer(): HttpAnswer | undefined {
    if (this.#body === undefined || this.#head === undefined) return undefined
    const { status, fields } = this.#head
    return { status, body: this.#body, field: (name) => only(valuesOf(fields, name)) }
  }

  /** Whether the server has begun to answer. */
  get begun(): boolean {
    return this.#headBytes > 0 || this.#unread.length > 0
  }

  /** The next octets; they are the reader's from now on. */
  push(chunk: Buffer): void {
    this.#unread.append(chunk)
    while (this.#step());
  }

  /** No more octets come. */
  end(): void {
    if (this.#awaited === 'none') return
    if (this.#awaited === 'end of connection') this.#complete(this.#unread.take(Infinity))
    else
      this.#fail(
        this.begun
          ? 'it closed the connection within its answer'
          : 'it closed the connection without an answer',
      )
  }

  /** Reads what it waits for; false: that has not come yet, or nothing more is wanted. */
  #step(): boolean {
    switch (this.#awaited) {
      case 'head':
        return this.#readHead()
      case 'body':
        return this.#readBody()
      case 'chunk size':
        return this.#readChunkSize()
      case 'chunk':
        return this.#readChunk()
      case 'chunk end':
        return this.#readChunkEnd()
      case 'trailers':
        return this.#readTrailers()
      case 'end of connection':
        return this.#checkSize(this.#unread.length)
      case 'none':
        return false
    }
  }

  #fail(why: string): false {
    this.#failed = why
    this.#awaited = 'none'
    return false
  }

  #complete(body: Buffer): false {
    this.#body = body
    this.#awaited = 'none'
    return false
  }

  /** False always: what it is asked of goes on with the next octets, or has failed. */
  #checkSize(octets: number): false {
    if (octets > this.#bodyLimit) this.#fail(`its answer has more than ${this.#bodyLimit} octets`)
    return false
  }

  /** Lines up to an empty one; undefined while they are not there, and where they are too long. */
  #takeLines(): string | undefined {
    const at = this.#unread.find(headEnd)
    const octets = at === -1 ? this.#unread.length + 1 : at + headEnd.length
    if (this.#headBytes + octets > maxHeadBytes) {
      this.#fail(`the head of its answer has more than ${maxHeadBytes} octets`)
      return undefined
    }
    if (at === -1) return undefined
    this.#headBytes += octets
    return this.#unread.take(octets).toString('latin1', 0, at)
  }

  #readHead(): boolean {
    const first = this.#unread.peek(version.length)
    if (!first.equals(version.subarray(0, first.length))) return this.#fail(notHttp)
    const lines = this.#takeLines()
    if (lines === undefined) return false
    const head = headIn(lines)
    if (head === undefined) return this.#fail(notHttp)
    if (head.status === 101) return this.#fail('it wants to speak another protocol')
    if (head.status < 200) return true
    this.#head = head
    return this.#awaitBody(head)
  }

  /** RFC 9112 6.3. */
  #awaitBody({ status, fields }: Head): boolean {
    const lengths = valuesOf(fields, 'content-length')
    const codings = valuesOf(fields, 'transfer-encoding')
    if (codings.length > 0) {
      const known = codings.length === 1 && codings[0]?.toLowerCase() === 'chunked'
      if (!known || lengths.length > 0)
        return this.#fail(`${notHttp}: it is unclear where its answer ends`)
      return this.#await('chunk size')
    }
    if (status === 204 || status === 304) return this.#complete(this.#unread.take(0))
    if (lengths.length === 0) return this.#await('end of connection')
    const length = only(lengths)
    if (length === undefined || !decimal.test(length))
      return this.#fail(`${notHttp}: it is unclear where its answer ends`)
    this.#missing = Number(length)
    this.#await('body')
    this.#checkSize(this.#missing)
    return true
  }

  #await(what: Awaited): true {
    this.#awaited = what
    return true
  }

  #readBody(): boolean {
    if (this.#unread.length < this.#missing) return false
    return this.#complete(this.#unread.take(this.#missing))
  }

  #readChunkSize(): boolean {
    const at = this.#unread.find(lineEnd)
    const octets = at === -1 ? this.#unread.length + 1 : at + lineEnd.length
    if (octets > maxChunkLineBytes) return this.#fail(`${notHttp}: a chunk without a size`)
    if (at === -1) return false
    const size = chunkLine.exec(this.#unread.take(octets).toString('latin1', 0, at))?.[1]
    if (size === undefined) return this.#fail(`${notHttp}: a chunk without a size`)
    this.#missing = Number.parseInt(size, 16)
    if (this.#missing === 0) return this.#await('trailers')
    this.#await('chunk')
    this.#checkSize(this.#chunks.length + this.#missing)
    return true
  }

  #readChunk(): boolean {
    const came = this.#unread.take(this.#missing)
    this.#chunks.append(came)
    this.#missing -= came.length
    return this.#missing === 0 && this.#await('chunk end')
  }

  #readChunkEnd(): boolean {
    if (this.#unread.length < lineEnd.length) return false
    if (this.#unread.take(lineEnd.length).equals(lineEnd)) return this.#await('chunk size')
    return this.#fail(`${notHttp}: a chunk that does not end where it said`)
  }

  /** They are nobody's. */
  #readTrailers(): boolean {
    if (this.#unread.length < lineEnd.length) return false
    const none = this.#unread.peek(lineEnd.length).equals(lineEnd)
    if (!none && this.#takeLines() === undefined) return false
    return this.#complete(this.#chunks.take(Infinity))
  }
}

function headIn(lines: string): Head | undefined {
  const [first = '', ...rest] = lines.split('\r\n')
  const status = statusLine.exec(first)?.[1]
  if (status === undefined) return undefined
  const fields: (readonly [string, string])[] = []
  for (const line of rest) {
    const [, name, value] = fieldLine.exec(line) ?? []
    if (name === undefined || value === undefined) return undefined
    fields.push([name.toLowerCase(), withoutBlanks(value)])
  }
  return { status: Number(status), fields }
}

/** Around it (RFC 9110 5.6.3). String.trim would take U+00A0, which is an octet of a value here. */
function withoutBlanks(value: string): string {
  let [from, to] = [0, value.length]
  while (from < to && isBlank(value, from)) from++
  while (from < to && isBlank(value, to - 1)) to--
  return value.slice(from, to)
}

const isBlank = (value: string, at: number): boolean => value[at] === ' ' || value[at] === '\t'

const valuesOf = (fields: Head['fields'], name: string): readonly string[] =>
  fields.filter(([its]) => its === name).map(([, value]) => value)

const only = (values: readonly string[]): string | undefined =>
  values.length === 1 ? values[0] : undefined
