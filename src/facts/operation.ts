/** What happens with our own parts: spool, ledger, workers, configuration. */
import type { OfTransaction } from './of-transaction.ts'

export type OperationFact =
  /**
   * A text could not be kept on its way: the spool directory is full or gone. Its client was told
   * 451.
   */
  | (OfTransaction & { readonly kind: 'spoolFailed'; readonly at: number; readonly why: string })
  | { readonly kind: 'ledgerTrouble'; readonly at: number; readonly why: string }
  | { readonly kind: 'ledgerRecovered'; readonly at: number }
  /** No split is begun any more, or they are again. */
  | {
      readonly kind: 'drainChanged'
      readonly at: number
      readonly draining: boolean
      readonly by: string
      readonly reason?: string
    }
  /** A worker's event loop stands still: it is ended, and `workerLost` follows. */
  | {
      readonly kind: 'workerHung'
      readonly at: number
      readonly slot: number
      readonly pid: number
      /** Nothing came from it for so long. */
      readonly silentMs: number
    }
  /**
   * A worker process has ended by itself: its clients have lost their connections, and come again.
   */
  | {
      readonly kind: 'workerLost'
      readonly at: number
      readonly slot: number
      readonly pid: number
      /** The signal, or the exit code. */
      readonly how: string
      /** Another one takes its place after this time. */
      readonly againMs: number
    }
  /** A changed configuration is used from now on, or it is wrong and the old one goes on. */
  | { readonly kind: 'configLoaded'; readonly at: number; readonly needRestart: readonly string[] }
  | { readonly kind: 'configKept'; readonly at: number; readonly why: readonly string[] }
