/**
 * Lines that may be MIME boundaries (RFC 2046 5.1.1): two dashes, up to seventy of its characters,
 * and two dashes more where the part is the last one. Exchange writes other boundaries at each
 * attempt (senders). So not the boundary counts but which of them it is, in the order in which they
 * come first.
 */

/** Longest such line, with white space behind it. */
export const longestBoundaryLine = 120

/** Nothing but dashes is a rule that somebody drew, and `-- ` stands above a signature. */
const form = /^--([0-9A-Za-z'()+_,./:=?-]+?)(--)?[ \t]*$/

export interface BoundaryLine {
  /** 0 for the first boundary of the text, and so on. */
  readonly index: number
  /** Of the last part. */
  readonly closes: boolean
}

export class Boundaries {
  readonly #index = new Map<string, number>()

  /** `line`: without its CRLF. Undefined when it is no boundary. */
  read(line: string): BoundaryLine | undefined {
    const match = line.length > longestBoundaryLine ? null : form.exec(line)
    const boundary = match?.[1]
    if (boundary === undefined || boundary.length > 70 || !/[^-]/.test(boundary)) return undefined
    const known = this.#index.get(boundary)
    const index = known ?? this.#index.size
    if (known === undefined) this.#index.set(boundary, index)
    return { index, closes: match?.[2] !== undefined }
  }
}
