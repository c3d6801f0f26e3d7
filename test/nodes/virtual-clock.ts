/**
 * Time that passes only when nothing is left to do at the present moment: an hour of a hundred
 * front-ends takes as long as what they compute. Of two things that are due at one moment the one
 * that was asked for first comes first, so that a run is the same each time.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

interface Due {
  readonly at: number
  readonly number: number
  readonly act: () => void
}

export class VirtualClock {
  /** A heap: the next one first. */
  readonly #due: Due[] = []
  /** Work on real promises, which takes none of this time. */
  readonly #held = new Set<Promise<unknown>>()
  #now: number
  #number = 0
  /** Things that were done. */
  steps = 0

  constructor(begin: number) {
    this.#now = begin
  }

  /** ms since the epoch. */
  readonly now = (): number => this.#now

  readonly sleep = async (ms: number): Promise<void> => {
    await new Promise<void>((resolve) => this.after(ms, resolve))
  }

  after(ms: number, act: () => void): void {
    this.#push({ at: this.#now + Math.max(0, ms), number: this.#number++, act })
  }

  /** Time stands still until it is settled. */
  async hold<T>(work: Promise<T>): Promise<T> {
    this.#held.add(work)
    try {
      return await work
    } finally {
      this.#held.delete(work)
    }
  }

  /** Until nothing is due any more. */
  async run(): Promise<void> {
    await this.#settle()
    for (let next = this.#pop(); next !== undefined; next = this.#pop()) {
      this.#now = next.at
      this.steps++
      next.act()
      await this.#settle()
    }
  }

  /** What follows at this moment from what was done. */
  async #settle(): Promise<void> {
    do {
      await nextTurn()
      if (this.#held.size > 0) await Promise.allSettled(this.#held)
    } while (this.#held.size > 0)
  }

  #push(due: Due): void {
    const heap = this.#due
    heap.push(due)
    let at = heap.length - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (isBefore(heap[above], due)) break
      swap(heap, at, above)
      at = above
    }
  }

  #pop(): Due | undefined {
    const heap = this.#due
    const [first] = heap
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    heap[0] = last
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const below = isBefore(heap[right], heap[left]) ? right : left
      if (!isBefore(heap[below], last)) return first
      swap(heap, at, below)
      at = below
    }
  }
}

const isBefore = (one: Due | undefined, other: Due | undefined): boolean =>
  one !== undefined &&
  (other === undefined || one.at < other.at || (one.at === other.at && one.number < other.number))

function swap(heap: Due[], one: number, other: number): void {
  const [first, second] = [heap[one], heap[other]]
  if (first === undefined || second === undefined) return
  heap[one] = second
  heap[other] = first
}
