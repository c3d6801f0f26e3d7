/**
 * Places in the order in which they were touched, in arrays of numbers. The order of a map would
 * do, but V8 looks at everything that was removed from it to find the oldest. Pure.
 */

const nowhere = -1
const firstRoom = 64

export class ByAge {
  /** Of each place that is in it: the one before and the one behind. */
  #older = new Int32Array(firstRoom)
  #newer = new Int32Array(firstRoom)
  #oldest = nowhere
  #newest = nowhere

  get oldest(): number | undefined {
    return this.#oldest === nowhere ? undefined : this.#oldest
  }

  /** One that is not in it. */
  add(place: number): void {
    if (place >= this.#older.length) this.#grow(place)
    this.#older[place] = this.#newest
    this.#newer[place] = nowhere
    if (this.#newest === nowhere) this.#oldest = place
    else this.#newer[this.#newest] = place
    this.#newest = place
  }

  /** One that is in it. */
  remove(place: number): void {
    const older = this.#older[place] ?? nowhere
    const newer = this.#newer[place] ?? nowhere
    if (older === nowhere) this.#oldest = newer
    else this.#newer[older] = newer
    if (newer === nowhere) this.#newest = older
    else this.#older[newer] = older
  }

  clear(): void {
    this.#oldest = nowhere
    this.#newest = nowhere
  }

  #grow(place: number): void {
    this.#older = larger(this.#older, place)
    this.#newer = larger(this.#newer, place)
  }
}

function larger(numbers: Int32Array, place: number): Int32Array<ArrayBuffer> {
  const made = new Int32Array(Math.max(numbers.length, place + 1) * 2)
  made.set(numbers)
  return made
}
