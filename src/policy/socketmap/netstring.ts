/** Netstrings, `5:hello,`: what is written, and what is read in whatever pieces it comes. Pure. */

export function netstring(text: string): Buffer {
  const octets = Buffer.from(text, 'utf8')
  return Buffer.concat([Buffer.from(`${octets.length}:`), octets, Buffer.from(',')])
}

/** The length, in digits, is not longer than this; Postfix and sendmail have 100,000 at most. */
const mostDigits = 6

export class NetstringReader {
  readonly #mostOctets: number
  #pieces: Buffer[] = []
  #size = 0
  /** Of the whole netstring; undefined as long as its colon has not come. */
  #expected: { readonly from: number; readonly size: number } | undefined

  constructor(mostOctets: number) {
    this.#mostOctets = mostOctets
  }

  /**
   * The netstring, once it is whole. What stands behind it is thrown away: nobody has asked for it.
   * @throws Error where it is none, or too long
   */
  push(chunk: Buffer): Buffer | undefined {
    this.#pieces.push(chunk)
    this.#size += chunk.length
    this.#expected ??= this.#readLength()
    if (this.#expected === undefined) return undefined
    const { from, size } = this.#expected
    if (this.#size <= from + size) return undefined
    const whole = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#size = 0
    this.#expected = undefined
    if (whole[from + size] !== 0x2c) throw new Error('it does not speak netstrings: no comma')
    return whole.subarray(from, from + size)
  }

  #readLength(): { readonly from: number; readonly size: number } | undefined {
    const begin = Buffer.concat(this.#pieces).toString('latin1', 0, mostDigits + 1)
    const [whole, digits = ''] = /^(\d+):/.exec(begin) ?? []
    if (whole === undefined) {
      if (begin.length > mostDigits || !/^\d*$/.test(begin))
        throw new Error('it does not speak netstrings')
      return undefined
    }
    const size = Number(digits)
    if (size > this.#mostOctets)
      throw new Error(`its answer has more than ${this.#mostOctets} octets`)
    return { from: whole.length, size }
  }
}
