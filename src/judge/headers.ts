/**
 * The judge that believes what a scanner in front has written into the header section: X-Spam-Score, X-Spam-Status, X-Spamd-Result
 * and X-Spam-Level. The highest score counts, so that a sender's own field can only make things worse for it. GTUBE, the test
 * string of SpamAssassin, is certain spam. Only for a place behind a scanner whose fields one believes.
 */
import type { Judge, Judgement, Judging } from './judge.ts'

const gtube = Buffer.from('XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X')
export const gtubeScore = 1000
/** GTUBE is looked for in this many octets; what is behind them can't change the judgement. */
export const lookBytes = 64 * 1024

const endOfHeader = Buffer.from('\r\n\r\n')
const anyField = /^x-spam/im
/** Field with its value, and where in that the score stands. */
const fields: readonly { readonly name: string; readonly field: RegExp; readonly score: RegExp }[] = [
  {
    name: 'X-Spam-Score',
    field: /^x-spam-score:(.*(?:\r\n[ \t].*)*)/gim,
    score: /^[ \t]*(?:\r\n[ \t]+)?(-?[0-9]{1,6}(?:\.[0-9]{1,6})?)/,
  },
  {
    name: 'X-Spam-Status',
    field: /^x-spam-status:(.*(?:\r\n[ \t].*)*)/gim,
    score: /(?:^|[^0-9A-Za-z_])(?:score|hits)=(-?[0-9]{1,6}(?:\.[0-9]{1,6})?)/i,
  },
  {
    name: 'X-Spamd-Result',
    field: /^x-spamd-result:(.*(?:\r\n[ \t].*)*)/gim,
    score: /\[[ \t]*(-?[0-9]{1,6}(?:\.[0-9]{1,6})?)[ \t]*\//,
  },
]
const level = /^x-spam-level:[ \t]*(\*+)/gim
const mostStars = 100

/** Scores found in a header section, by field. */
export function scoresIn(header: string): { readonly name: string; readonly score: number }[] {
  if (!anyField.test(header)) return []
  const found: { readonly name: string; readonly score: number }[] = []
  for (const { name, field, score } of fields) {
    for (const [, value = ''] of header.matchAll(field)) {
      const number = score.exec(value)?.[1]
      if (number !== undefined) found.push({ name, score: Number(number) })
    }
  }
  for (const [, stars = ''] of header.matchAll(level))
    found.push({ name: 'X-Spam-Level', score: Math.min(stars.length, mostStars) })
  return found
}

class HeadersJudging implements Judging {
  /** Octets not looked at yet, and the last ones, in which a match may begin. */
  #tail: Buffer = Buffer.alloc(0)
  #header: Buffer[] | undefined = []
  #scores: { readonly name: string; readonly score: number }[] = []
  #seen = 0
  #certain = false

  push(chunk: Buffer): void {
    if (this.settled() !== undefined) return
    const data = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk])
    const looked = Math.max(0, lookBytes - this.#seen)
    const before = data.length - chunk.length
    this.#seen += chunk.length
    // Not a single octet further, whatever the pieces: the judgement must not depend on them.
    if (looked > 0 && data.subarray(0, before + looked).includes(gtube)) this.#certain = true
    if (this.#header !== undefined) this.#readHeader(data, chunk)
    this.#tail = Buffer.from(data.subarray(Math.max(0, data.length - gtube.length + 1)))
  }

  #readHeader(data: Buffer, chunk: Buffer): void {
    const header = this.#header ?? []
    header.push(chunk)
    // `data` begins with the first octet as long as the tail has them all.
    const fromStart = data.length === this.#seen
    const empty = fromStart && data.subarray(0, 2).equals(endOfHeader.subarray(0, 2))
    const end = empty ? 0 : data.indexOf(endOfHeader)
    if (end === -1) return
    const before = data.length - chunk.length
    header[header.length - 1] = chunk.subarray(0, Math.max(0, end - before))
    if (empty) header.length = 0
    this.#finishHeader()
  }

  #finishHeader(): void {
    if (this.#header === undefined) return
    this.#scores = scoresIn(Buffer.concat(this.#header).toString('latin1'))
    this.#header = undefined
  }

  settled(): Judgement | undefined {
    if (this.#certain) return this.#judgement()
    return this.#header === undefined && this.#seen >= lookBytes ? this.#judgement() : undefined
  }

  #judgement(): Judgement {
    if (this.#certain) return { kind: 'scored', score: gtubeScore, symbols: ['GTUBE'] }
    if (this.#scores.length === 0) return { kind: 'silent' }
    const score = Math.max(...this.#scores.map((found) => found.score))
    return { kind: 'scored', score, symbols: [...new Set(this.#scores.map((found) => found.name))] }
  }

  end(): Judgement {
    this.#finishHeader()
    return this.#judgement()
  }

  abandon(): void {
    this.#header = undefined
  }
}

export const headersJudge: Judge = {
  name: 'headers',
  begin: () => new HeadersJudging(),
  close: async () => await Promise.resolve(),
}
