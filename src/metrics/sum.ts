/**
 * One metric of all processes: what each of them has counted, and that together. Series are numbers
 * in a row here (their slots), and what they stand at lies in arrays of numbers: a thousand peer
 * classes would be half a million objects otherwise, for the garbage collector.
 */
import { widthOf } from './counting.ts'
import { grown } from './kept-amounts.ts'
import { type Lines, LinesOfMetric } from './lines.ts'
import type { MetricDescription } from './metrics.ts'
import { valuesIn } from './text-lines.ts'

/** One series of all processes. */
export interface Sum {
  /** In the order of the description. */
  readonly labels: readonly string[]
  /** The same as text; a series has one, whichever process tells it. */
  readonly text: string
  /** Of all together, as in counting.ts; until somebody tells more. */
  readonly amounts: Float64Array
  /** Of a counter or gauge. */
  readonly value: number
}

export class SumOfAll implements Sum {
  readonly family: FamilyOfAll
  readonly slot: number
  /** Its metric with its labels (told.ts). */
  readonly named: string
  #labels: readonly string[] | undefined

  constructor(family: FamilyOfAll, slot: number, named: string) {
    this.family = family
    this.slot = slot
    this.named = named
  }

  get text(): string {
    return this.named.slice(this.family.metric.name.length + 1, -1)
  }

  get labels(): readonly string[] {
    return (this.#labels ??= valuesIn(this.text))
  }

  get amounts(): Float64Array {
    const { width } = this.family
    return this.family.together().subarray(this.slot * width, (this.slot + 1) * width)
  }

  get value(): number {
    return this.family.together()[this.slot * this.family.width] ?? 0
  }
}

/** What one process has counted of one metric. */
export class Part {
  amounts = new Float64Array(0)
  /** Whether it has the series. */
  has = new Uint8Array(0)

  makeRoom(slots: number, width: number): void {
    if (slots <= this.has.length) return
    this.has = grown(this.has, new Uint8Array(slots))
    this.amounts = grown(this.amounts, new Float64Array(slots * width))
  }
}

export class FamilyOfAll {
  readonly metric: MetricDescription
  /** Among all metrics. */
  readonly number: number
  readonly width: number
  readonly #named = new Map<string, SumOfAll>()
  readonly #slots: (SumOfAll | undefined)[] = []
  readonly #free: number[] = []
  readonly #add: (one: number, other: number) => number
  readonly #lines: LinesOfMetric
  #parts: Part[] = []
  /** What those that have ended have counted is a part, too. */
  #ended: Part | undefined
  #amounts = new Float64Array(0)
  /** Of one slot, while it is added. */
  readonly #sum: Float64Array
  readonly #rises: boolean
  /** Slots to be added again, and whether a slot is one of them. */
  #changed: number[] = []
  #isChanged = new Uint8Array(0)

  constructor(metric: MetricDescription, number: number) {
    this.metric = metric
    this.number = number
    this.width = widthOf(metric)
    this.#add = adding[metric.ofAll ?? 'sum']
    this.#sum = new Float64Array(this.width)
    this.#rises = metric.type !== 'gauge'
    this.#lines = new LinesOfMetric(metric, (slot) => this.#slots[slot]?.named ?? '')
  }

  get sums(): Iterable<SumOfAll> {
    return this.#named.values()
  }

  /** Series whose lines are to be written. */
  get toWrite(): number {
    this.together()
    return this.#lines.waiting
  }

  /** Whether it has series without lines. */
  get hasNew(): boolean {
    return this.#lines.hasNew
  }

  /** Its lines in the text of /metrics. */
  write(): readonly Lines[] {
    return this.#lines.write({ all: this.together(), width: this.width })
  }

  sumOf(named: string): SumOfAll {
    const known = this.#named.get(named)
    if (known !== undefined) return known
    const slot = this.#free.pop() ?? this.#slots.length
    const made = new SumOfAll(this, slot, named)
    this.#slots[slot] = made
    this.#named.set(named, made)
    this.#makeRoom()
    this.#lines.add(slot)
    return made
  }

  /** For a process that tells of it for the first time. */
  join(): Part {
    const part = new Part()
    this.#parts.push(part)
    return part
  }

  /** Of `all`, what stands from `from` on; gives where that ends. */
  hear(part: Part, { slot }: SumOfAll, all: Float64Array, from: number): number {
    const { width } = this
    part.makeRoom(this.#isChanged.length, width)
    const { amounts } = part
    const at = slot * width
    for (let i = 0; i < width; i++) amounts[at + i] = all[from + i] ?? 0
    part.has[slot] = 1
    this.#hasChanged(slot)
    return from + width
  }

  /** The process has nothing of it any more. */
  take(part: Part, { slot, named }: SumOfAll): void {
    part.has[slot] = 0
    if (this.#parts.some(({ has }) => has[slot] === 1)) {
      this.#hasChanged(slot)
      return
    }
    this.#named.delete(named)
    this.#slots[slot] = undefined
    this.#free.push(slot)
    this.#amounts.fill(0, slot * this.width, (slot + 1) * this.width)
    this.#lines.remove(slot)
  }

  /** The process has ended: what it has counted stays counted, and what it had open is gone. */
  leave(part: Part): void {
    if (this.#rises) this.#keep(part)
    for (const sum of this.#slots)
      if (sum !== undefined && part.has[sum.slot] === 1) this.take(part, sum)
    this.#parts = this.#parts.filter((one) => one !== part)
  }

  /** Of each slot. */
  together(): Float64Array {
    if (this.#changed.length === 0) return this.#amounts
    for (const slot of this.#changed) {
      this.#isChanged[slot] = 0
      // It may be gone since.
      if (this.#slots[slot] === undefined) continue
      this.#addParts(slot)
      this.#lines.change(slot)
    }
    this.#changed = []
    return this.#amounts
  }

  #keep({ has, amounts }: Part): void {
    const ended = (this.#ended ??= this.join())
    ended.makeRoom(has.length, this.width)
    for (const [slot, is] of has.entries()) {
      if (is === 0) continue
      ended.has[slot] = 1
      for (let at = slot * this.width; at < (slot + 1) * this.width; at++)
        ended.amounts[at] = (ended.amounts[at] ?? 0) + (amounts[at] ?? 0)
    }
  }

  #addParts(slot: number): void {
    const begin = slot * this.width
    const all = this.#amounts
    const sum = this.#sum
    let some = false
    for (const { has, amounts } of this.#parts) {
      if (has[slot] !== 1) continue
      for (let i = 0; i < sum.length; i++) {
        const amount = amounts[begin + i] ?? 0
        sum[i] = some ? this.#add(sum[i] ?? 0, amount) : amount
      }
      some = true
    }
    // Fractions in another order, behind the end of a process, may be less by a last digit, and
    // what has become less has begun anew for Prometheus.
    for (let i = 0; i < sum.length; i++)
      all[begin + i] = this.#rises ? Math.max(all[begin + i] ?? 0, sum[i] ?? 0) : (sum[i] ?? 0)
  }

  #hasChanged(slot: number): void {
    if (this.#isChanged[slot] === 1) return
    this.#isChanged[slot] = 1
    this.#changed.push(slot)
  }

  #makeRoom(): void {
    const slots = this.#isChanged.length
    if (this.#slots.length <= slots) return
    const more = Math.max(8, slots * 2)
    this.#isChanged = grown(this.#isChanged, new Uint8Array(more))
    this.#amounts = grown(this.#amounts, new Float64Array(more * this.width))
  }
}

const adding: Readonly<Record<'sum' | 'min' | 'max', (one: number, other: number) => number>> = {
  sum: (one, other) => one + other,
  min: Math.min,
  max: Math.max,
}
