/** What happens with the history: written behind the answer, or left out. */

export type HistoryFact =
  | {
      readonly kind: 'historyWritten'
      readonly at: number
      readonly transactions: number
      readonly recipients: number
      readonly ms: number
    }
  /** There was no more room for them in memory: the file can't be written, or not fast enough. */
  | { readonly kind: 'historyLeftOut'; readonly at: number; readonly transactions: number }
  | { readonly kind: 'historyTrouble'; readonly at: number; readonly why: string }
  | { readonly kind: 'historyRecovered'; readonly at: number }
