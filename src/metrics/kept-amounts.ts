/**
 * What all series of one process stand at, side by side in one array: whoever tells what has
 * changed goes through numbers, and through no objects. A series is known by its place there for as
 * long as it exists.
 */
import type { Told } from './told.ts'

/** Of a place. */
const changed = 1
const told = 2

export class KeptAmounts {
  /** Replaced by a larger one when more series come. */
  amounts = new Float64Array(64)
  /** Where the amounts of each place begin; of the next one, too. */
  #begins = new Uint32Array(16)
  #states = new Uint8Array(16)
  #places = 0
  #changed: number[] = []
  #gone: number[] = []
  #fresh = 0

  /** How many series nobody has heard of. */
  get fresh(): number {
    return this.#fresh
  }

  /** How many have changed, at most: some of them may be gone. */
  get waiting(): number {
    return this.#changed.length
  }

  /** Gives the place of a new series of so many amounts, all 0. */
  take(width: number): number {
    const place = this.#places++
    if (place + 2 > this.#begins.length) {
      this.#begins = grown(this.#begins, new Uint32Array(place * 2))
      this.#states = grown(this.#states, new Uint8Array(place * 2))
    }
    const end = this.beginOf(place) + width
    this.#begins[place + 1] = end
    if (end > this.amounts.length) this.amounts = grown(this.amounts, new Float64Array(end * 2))
    return place
  }

  beginOf(place: number): number {
    return this.#begins[place] ?? 0
  }

  hasChanged(place: number): void {
    const state = this.#states[place] ?? 0
    if ((state & changed) !== 0) return
    if (state === 0) this.#fresh++
    this.#states[place] = state | changed
    this.#changed.push(place)
  }

  /** The series at this place is no more. */
  free(place: number): void {
    const state = this.#states[place] ?? 0
    // Of what nobody has heard of, nobody has to hear that it is gone.
    if ((state & told) !== 0) this.#gone.push(place)
    else if (state !== 0) this.#fresh--
    this.#states[place] = 0
    this.amounts.fill(0, this.beginOf(place), this.beginOf(place + 1))
  }

  /** `nameOf`: of the series at a place. `most`: of so many places. */
  newlyTold(nameOf: (place: number) => string, most = Infinity): Told {
    const all = this.#changed.length <= most ? this.#changed : this.#changed.splice(0, most)
    if (all === this.#changed) this.#changed = []
    const places = new Uint32Array(all.length)
    const fresh: string[] = []
    let count = 0
    let width = 0
    for (const place of all) {
      const state = this.#states[place] ?? 0
      // Gone since, and perhaps taken again.
      if ((state & changed) === 0) continue
      if ((state & told) === 0) fresh.push(nameOf(place))
      this.#states[place] = told
      places[count++] = place
      width += this.beginOf(place + 1) - this.beginOf(place)
    }
    this.#fresh -= fresh.length
    const now = places.subarray(0, count)
    const gone = this.#gone
    this.#gone = []
    return { fresh, places: now, amounts: this.#amountsAt(now, width), gone }
  }

  #amountsAt(places: Uint32Array, width: number): Float64Array {
    const all = new Float64Array(width)
    const begins = this.#begins
    const from = this.amounts
    let at = 0
    for (const place of places) {
      const end = begins[place + 1] ?? 0
      for (let i = begins[place] ?? 0; i < end; i++) all[at++] = from[i] ?? 0
    }
    return all
  }
}

/** `into`, which is longer, with what stands in `from`. */
export function grown<Numbers extends Uint8Array | Uint32Array | Float64Array>(
  from: Numbers,
  into: Numbers,
): Numbers {
  into.set(from)
  return into
}
