/**
 * GTUBE, the test string of SpamAssassin, is certain spam. It is looked for at the beginning of a
 * text only.
 */

const gtube = Buffer.from('XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X')
/**
 * Searched first: texts have its first octet rarely, and `X` as often as they like, at each of
 * which a search for the whole would stop.
 */
const rarePart = gtube.subarray(gtube.indexOf('*'))
const beginning = gtube[0] ?? 0
const nothing = Buffer.alloc(0)
export const gtubeScore = 1000
/** It is looked for in this many octets; what is behind them can't change the judgement. */
export const lookBytes = 64 * 1024

export class GtubeFinder {
  /** The last octets, in which it may begin. */
  #tail: Buffer = nothing
  #seen = 0
  #found = false

  get found(): boolean {
    return this.#found
  }
  /** Nothing that is still to come changes it. */
  get settled(): boolean {
    return this.#found || this.#seen >= lookBytes
  }

  push(chunk: Buffer): void {
    if (this.settled) return
    // Not a single octet further, whatever the pieces: the judgement must not depend on them.
    const left = lookBytes - this.#seen
    const looked = chunk.length <= left ? chunk : chunk.subarray(0, left)
    this.#seen += looked.length
    const seam = this.#tail.length === 0 ? looked : Buffer.concat([this.#tail, looked])
    if (seam.includes(rarePart) && seam.includes(gtube)) this.#found = true
    const from = seam.indexOf(beginning, Math.max(0, seam.length - gtube.length + 1))
    this.#tail = from === -1 ? nothing : Buffer.from(seam.subarray(from))
  }
}
