/** What stands in a file that has an entry a line: of policies, or of aliases. */
import type { Unknown } from './policy-source.ts'

export interface LineMistake {
  /** Counts from 1. */
  readonly line: number
  readonly why: string
}

export interface LineEntries<Found> {
  /** The first ones. */
  readonly mistakes: readonly LineMistake[]
  /** All of them. */
  readonly mistakeCount: number
  /** Entries. */
  readonly count: number
  /** Takes one line of the file; what is wrong with it goes to `mistakes`. */
  add(text: string, line: number): void
  /** The file ends. */
  end?(): void
  /** What a look-up costs at most; absent: 1. */
  readonly stepsOfLookUp?: number
  lookUp(recipient: string): Found | Unknown
}
