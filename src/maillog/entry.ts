/** What a source of past mail gives: a file of a log, a history. */
import type { Sighting } from './sighting.ts'

export interface Entry {
  /** ms since the epoch. */
  readonly at: number
  readonly sighting: Sighting
}

/** Entries in the order in which they stand there, some at a time. */
export type Source = AsyncIterator<readonly Entry[], unknown, undefined>

/** A line that should have told something. */
export interface BadLine {
  readonly file: string
  /** From 1; absent in what has no lines. */
  readonly line?: number
  /** Its beginning, as octets. */
  readonly text: string
}

/** What was read, of all sources together. */
export class ReadCounts {
  lines = 0
  unread = 0
  /** The first ones. */
  readonly shown: BadLine[] = []
  /** Of entries, ms since the epoch. */
  first = Infinity
  last = -Infinity

  bad(line: BadLine): void {
    this.unread++
    if (this.shown.length < mostShown) this.shown.push({ ...line, text: line.text.slice(0, 200) })
  }

  timed(at: number): void {
    if (at < this.first) this.first = at
    if (at > this.last) this.last = at
  }
}

/** Lines that can't be read, and are shown. */
const mostShown = 3
