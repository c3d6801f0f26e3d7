/** What the primary and its workers tell each other, by structured clone. */
import type { Config } from '../../config/config.ts'
import type { LiveEvent } from '../../admin/events/frame.ts'
import type { Fact } from '../../facts/fact.ts'
import type { SharedRate } from '../../listen/shared-limits.ts'
import type { MetricJson, Told } from '../../metrics/told.ts'
import type { CertificateTexts } from '../../tls/given-certificates.ts'

/** What a worker serves with. Its sockets come before, each in a message of its own. */
export interface WorkerSetup {
  readonly config: Config
  /** For each entry of `config.listen` the key of its socket. */
  readonly sockets: readonly string[]
  /** Absent when no listener speaks TLS. */
  readonly certificates?: CertificateTexts
}

export type ToWorker =
  /** Comes with a handle. */
  | { readonly kind: 'socket'; readonly key: string }
  /**
   * `slot` counts from 1; `piped`: its standard output goes through the primary; `journal`: and
   * from there to the journal.
   */
  | {
      readonly kind: 'start'
      readonly slot: number
      readonly orders: WorkerSetup
      readonly piped: boolean
      readonly journal: boolean
    }
  /** `counted` answers with the same number. */
  | { readonly kind: 'metrics'; readonly number: number }
  | { readonly kind: 'certificates'; readonly certificates: CertificateTexts }
  | { readonly kind: 'elsewhere'; readonly counts: readonly SharedCount[]; readonly others: number }
  | { readonly kind: 'takenElsewhere'; readonly taken: readonly Taken[] }
  /** Somebody wants to hear of all its events from now on, or of the seldom ones alone again. */
  | { readonly kind: 'watch'; readonly on: boolean }
  | { readonly kind: 'reload'; readonly orders: WorkerSetup }
  /**
   * Something was set that the ledger knows: `refreshed` tells with the same number that it is in
   * force.
   */
  | { readonly kind: 'refresh'; readonly number: number }
  /** Sessions end in their time, then the worker does. */
  | { readonly kind: 'stop' }

/** Of a server behind: each worker finds it out for itself, and one line in the log is enough. */
export type AwayFact = Fact & { readonly kind: 'backendEjected' | 'backendReturned' }

/** How many there are of a key; 0 when none is left. */
export type SharedCount = readonly [key: string, count: number]

/** What was taken from one rate, by key. */
export interface Taken {
  readonly rate: SharedRate
  readonly amounts: readonly (readonly [key: string, amount: number])[]
}

export type FromWorker =
  | { readonly kind: 'started'; readonly reasons: readonly string[] }
  | { readonly kind: 'failed'; readonly trouble: WorkerTrouble }
  /** What keeps it from being ready, when that has changed. */
  | { readonly kind: 'state'; readonly reasons: readonly string[] }
  /** What has changed since it told last. */
  | {
      readonly kind: 'counted'
      readonly told: Told
      /** The answer to `metrics`. */
      readonly asked?: { readonly number: number; readonly ofNode: readonly MetricJson[] }
    }
  | { readonly kind: 'counts'; readonly counts: readonly SharedCount[] }
  | { readonly kind: 'taken'; readonly taken: readonly Taken[] }
  /** `durable`: read where the others have written it, and not in memory while that is away. */
  | { readonly kind: 'refreshed'; readonly number: number; readonly durable: boolean }
  | { readonly kind: 'reloaded'; readonly trouble?: WorkerTrouble }
  | { readonly kind: 'trouble'; readonly what: string }
  | { readonly kind: 'away'; readonly fact: AwayFact }
  | { readonly kind: 'events'; readonly events: readonly LiveEvent[] }
  /** Nothing else has to be said: its event loop goes round (pulse.ts). */
  | { readonly kind: 'beat' }

/** An error as it goes from one process to another. */
export interface WorkerTrouble {
  readonly message: string
  readonly code?: string
  readonly address?: string
  readonly port?: number
}

export function asTrouble(error: unknown): WorkerTrouble {
  if (!(error instanceof Error)) return { message: String(error) }
  const { message, code, address, port } = error as NodeJS.ErrnoException & Partial<WorkerTrouble>
  return {
    message,
    ...(code !== undefined && { code }),
    ...(address !== undefined && { address }),
    ...(port !== undefined && { port }),
  }
}

export const asError = ({ message, ...more }: WorkerTrouble): Error =>
  Object.assign(new Error(message), more)
