/** What the main thread and the thread of the history tell each other. */
import type { AddressMode } from './addresses.ts'
import type { AttemptsText } from './batch-text.ts'
import type { Gap, Answer, Question } from './question.ts'

export interface ThreadOptions {
  readonly path: string
  readonly keepMs: number
  readonly maxSizeBytes: number
  readonly addresses: AddressMode
  /** Which of the processes of a front-end writes. */
  readonly slot: string
  /** It also removes what is old, and what is too much; one process does. */
  readonly keepsHouse: boolean
}

export interface BatchText {
  readonly written: AttemptsText
  readonly recipients: number
  /** A list of them, as JSON. */
  readonly closings: string
  readonly gaps: readonly Gap[]
  readonly until: number
  /** It may wait a moment for those behind it, which come soon. */
  readonly waits: boolean
}

export const bytesOf = ({ written, closings }: Pick<BatchText, 'written' | 'closings'>): number =>
  written.text.length + written.values.length + closings.length

export type ToThread =
  | { readonly kind: 'write'; readonly batch: BatchText }
  | { readonly kind: 'search'; readonly number: number; readonly question: Question }
  | { readonly kind: 'end' }

export type FromThread =
  /** In the order in which they were given. */
  | {
      readonly kind: 'written'
      readonly bytes: number
      readonly attempts: number
      readonly recipients: number
      readonly ms: number
    }
  | { readonly kind: 'trouble'; readonly why: string }
  | { readonly kind: 'recovered' }
  | { readonly kind: 'found'; readonly number: number; readonly answer: Answer }
  | { readonly kind: 'notFound'; readonly number: number; readonly why: string }
