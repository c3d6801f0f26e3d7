/** One series of all processes: what each of them has counted, and that together. */

export interface Sum {
  /** In the order of the description. */
  readonly labels: readonly string[]
  /** The same as text; a series has one, whichever process tells it. */
  readonly text: string
  /** Of all together, as in counting.ts. */
  readonly amounts: readonly number[]
}

/** Some series in a row. */
export interface Run {
  readonly sums: Iterable<Sum>
  /** Their lines in the text of /metrics, until one of them changes. */
  lines: Buffer | undefined
}

export class RunOfAll implements Run {
  readonly sums = new Set<SumOfAll>()
  lines: Buffer | undefined
}

interface Part {
  readonly of: object
  readonly amounts: number[]
}

/** What those that have ended have counted is a part, too. */
const ended = {}

export class SumOfAll implements Sum {
  readonly labels: readonly string[]
  readonly text: string
  readonly run: RunOfAll
  readonly #add: Together
  #parts: Part[] = []
  #amounts: readonly number[] | undefined

  constructor(labels: readonly string[], text: string, run: RunOfAll, add: Together) {
    this.labels = labels
    this.text = text
    this.run = run
    this.#add = add
    run.sums.add(this)
  }

  get amounts(): readonly number[] {
    return (this.#amounts ??= this.#together())
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0
  }

  /** Of `all`, so many from `at` on. */
  setPart(process: object, all: ArrayLike<number>, at: number, width: number): void {
    const { amounts } = this.#partOf(process)
    for (let i = 0; i < width; i++) amounts[i] = all[at + i] ?? 0
    this.#changed()
  }

  takePart(process: object): void {
    this.#parts = this.#parts.filter(({ of }) => of !== process)
    this.#changed()
  }

  /** That of a process that ends. */
  keepPart(process: object): void {
    const { amounts } = this.#partOf(process)
    const kept = this.#partOf(ended)
    for (const [i, amount] of amounts.entries()) kept.amounts[i] = (kept.amounts[i] ?? 0) + amount
  }

  #partOf(process: object): Part {
    for (const part of this.#parts) if (part.of === process) return part
    const part = { of: process, amounts: [] }
    this.#parts.push(part)
    return part
  }

  #together(): readonly number[] {
    let sum: readonly number[] = this.#parts[0]?.amounts ?? []
    for (let i = 1; i < this.#parts.length; i++) {
      const other = this.#parts[i]?.amounts ?? []
      sum = sum.map((amount, at) => this.#add(amount, other[at] ?? 0))
    }
    return sum
  }

  #changed(): void {
    this.#amounts = undefined
    this.run.lines = undefined
  }
}

export type Together = (one: number, other: number) => number
