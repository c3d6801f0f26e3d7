/**
 * The lines of one metric in the text of /metrics, kept as octets from one reading to the next. All
 * of a line but its value stays as it is, so a new value is written over the old one: only where it
 * has another length, the lines of that page move.
 */
import { grown } from './kept-amounts.ts'
import { type MetricDescription, metricPrefix } from './metrics.ts'
import { putNumber } from './text-lines.ts'

/** So many lines are a page: what moves when one value becomes longer. */
const pageLines = 256

/** A number takes no more. */
const longestNumber = 32

/** Of a series. */
const absent = 0
const fresh = 1
const laidOut = 2

export interface Lines {
  readonly octets: Buffer
  /** So many octets at the begin of these. */
  readonly length: number
}

/** What series stand at, in the order of their slots: each has so many numbers. */
export interface Amounts {
  readonly all: Float64Array
  readonly width: number
}

class Page implements Lines {
  octets = nothing
  length = 0
  /** Series with another value. */
  changed: number[] = []
  /** Series have come or gone. */
  moves = false
}

const nothing = Buffer.alloc(0)

/** Where a page is put together, before it has its own room. */
let table = Buffer.allocUnsafeSlow(64 * 1024)

const makeRoom = (until: number): void => {
  if (until <= table.length) return
  const larger = Buffer.allocUnsafeSlow(until * 2)
  table.copy(larger)
  table = larger
}

const aside = new Uint8Array(longestNumber)

export class LinesOfMetric {
  readonly #begins: readonly Buffer[]
  readonly #nameOf: (slot: number) => string
  /** So many octets of a series' name are in the begin of each of its lines. */
  readonly #nameLength: number
  readonly #pages: Page[] = []
  readonly #seriesOfPage: number
  /** Of each series. */
  #states = new Uint8Array(0)
  /** Where each line begins in its page, and where its value does. */
  #lineBegins = new Uint32Array(0)
  #valueBegins = new Uint32Array(0)
  /** What a series says, line by line. */
  readonly #says: Float64Array
  readonly #buckets: number

  /** `nameOf`: the series with its labels (told.ts). */
  constructor(metric: MetricDescription, nameOf: (slot: number) => string) {
    this.#begins = beginsOf(metric)
    this.#nameOf = nameOf
    this.#nameLength = metric.name.length + (metric.labels.length === 0 ? 0 : 1)
    this.#buckets = metric.buckets?.length ?? 0
    this.#says = new Float64Array(this.#begins.length)
    this.#seriesOfPage = Math.max(1, Math.floor(pageLines / this.#begins.length))
  }

  /** Series whose lines are not as they should be. */
  get waiting(): number {
    return this.#pages.reduce((sum, { changed }) => sum + changed.length, 0)
  }

  get hasNew(): boolean {
    return this.#pages.some(({ moves }) => moves)
  }

  add(slot: number): void {
    this.#move(slot, fresh)
  }

  remove(slot: number): void {
    this.#move(slot, absent)
  }

  change(slot: number): void {
    this.#pageOf(slot).changed.push(slot)
  }

  write(amounts: Amounts): readonly Lines[] {
    for (const [i, page] of this.#pages.entries()) {
      if (page.changed.length === 0 && !page.moves) continue
      if (page.moves || !this.#writeOver(i, page, amounts)) this.#layOut(i, page, amounts)
      page.changed = []
      page.moves = false
    }
    return this.#pages
  }

  #pageOf(slot: number): Page {
    const at = Math.floor(slot / this.#seriesOfPage)
    while (this.#pages.length <= at) this.#pages.push(new Page())
    const page = this.#pages[at]
    if (page === undefined) throw new RangeError(`there is no page for slot ${slot}`)
    return page
  }

  #move(slot: number, state: number): void {
    this.#pageOf(slot).moves = true
    this.#makeRoom()
    this.#states[slot] = state
  }

  /** For all series of all pages. */
  #makeRoom(): void {
    const series = this.#pages.length * this.#seriesOfPage
    if (series <= this.#states.length) return
    const more = series * 2
    const lines = more * this.#says.length
    this.#states = grown(this.#states, new Uint8Array(more))
    this.#lineBegins = grown(this.#lineBegins, new Uint32Array(lines))
    this.#valueBegins = grown(this.#valueBegins, new Uint32Array(lines))
  }

  /** False when a value has another length than before. */
  #writeOver(number: number, page: Page, amounts: Amounts): boolean {
    const { changed, octets, length: end } = page
    const says = this.#says
    const lines = says.length
    const last = (number + 1) * this.#seriesOfPage * lines - 1
    for (const slot of changed) {
      this.#read(amounts, slot)
      let line = slot * lines
      for (let i = 0; i < lines; i++, line++) {
        const length = putNumber(aside, 0, says[i] ?? 0)
        const at = this.#valueBegins[line] ?? 0
        const next = line === last ? end : (this.#lineBegins[line + 1] ?? 0)
        // The end of a line is not part of its value.
        if (length !== next - 1 - at) return false
        for (let k = 0; k < length; k++) octets[at + k] = aside[k] ?? 0
      }
    }
    return true
  }

  #layOut(number: number, page: Page, amounts: Amounts): void {
    const begin = number * this.#seriesOfPage
    let at = 0
    for (let slot = begin; slot < begin + this.#seriesOfPage; slot++) {
      const state = this.#states[slot]
      if (state === absent) {
        const line = slot * this.#says.length
        this.#lineBegins.fill(at, line, line + this.#says.length)
        continue
      }
      this.#read(amounts, slot)
      at = state === fresh ? this.#layFirst(slot, at) : this.#layAgain(slot, page.octets, at)
      this.#states[slot] = laidOut
    }
    if (at > page.octets.length) page.octets = Buffer.allocUnsafeSlow(at + (at >> 4))
    table.copy(page.octets, 0, 0, at)
    page.length = at
  }

  #layAgain(slot: number, octets: Buffer, from: number): number {
    let at = from
    let line = slot * this.#says.length
    for (let i = 0; i < this.#says.length; i++, line++) {
      const begin = this.#lineBegins[line] ?? 0
      const value = this.#valueBegins[line] ?? 0
      makeRoom(at + value - begin + longestNumber)
      octets.copy(table, at, begin, value)
      this.#lineBegins[line] = at
      at += value - begin
      this.#valueBegins[line] = at
      at = this.#putValue(i, at)
    }
    return at
  }

  #layFirst(slot: number, from: number): number {
    const end = this.#nameOf(slot).slice(this.#nameLength)
    let line = slot * this.#says.length
    let at = from
    let known = -1
    let length = 0
    for (const [i, begin] of this.#begins.entries()) {
      this.#lineBegins[line] = at
      makeRoom(at + begin.length + end.length * 3 + longestNumber)
      table.set(begin, at)
      at += begin.length
      if (known === -1) length = table.write(end, at)
      else table.copyWithin(at, known, known + length)
      known = at
      at += length
      table[at++] = 0x20
      this.#valueBegins[line++] = at
      at = this.#putValue(i, at)
    }
    return at
  }

  #putValue(line: number, from: number): number {
    const at = from + putNumber(table, from, this.#says[line] ?? 0)
    table[at] = 0x0a
    return at + 1
  }

  /** Of a histogram, a bucket has what the buckets below it have, too. */
  #read({ all: amounts, width }: Amounts, slot: number): void {
    const at = slot * width
    const says = this.#says
    const buckets = this.#buckets
    if (buckets === 0) {
      says[0] = amounts[at] ?? 0
      return
    }
    let below = 0
    for (let i = 0; i < buckets; i++) {
      below += amounts[at + i] ?? 0
      says[i] = below
    }
    const count = amounts[at + buckets + 1] ?? 0
    says[buckets] = count
    says[buckets + 1] = amounts[at + buckets] ?? 0
    says[buckets + 2] = count
  }
}

/** What stands in front of the labels in each line of a series; where it has none, of the value. */
function beginsOf({ name, labels, buckets }: MetricDescription): readonly Buffer[] {
  const full = metricPrefix + name
  const [opened, more] = labels.length === 0 ? ['', '}'] : ['{', ',']
  const begins =
    buckets === undefined
      ? [full + opened]
      : [
          ...[...buckets, '+Inf'].map((le) => `${full}_bucket{le="${le}"${more}`),
          `${full}_sum${opened}`,
          `${full}_count${opened}`,
        ]
  return begins.map((begin) => Buffer.from(begin))
}
