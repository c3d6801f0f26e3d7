/**
 * What is measured: something that takes mail on a port of 127.0.0.1 and passes it on to the sink.
 * One file each in subjects/.
 */

/** A scanner of messages behind a subject. */
export interface Filter {
  /** The process whose CPU time, with that of its children, is the filter's. */
  readonly pid?: number
  /** Messages that it has scanned so far. */
  readonly scans: () => Promise<number>
}

export interface Running {
  readonly port: number
  /** The process whose CPU time, with that of its children, is the subject's. */
  readonly pid?: number
  /** Absent: none, or one that is not watched. */
  readonly filter?: Filter
  /** Resolves when all that it has taken is with the sink; absent: it is before the answer. */
  readonly settled?: () => Promise<void>
  /** Ends everything that was started. */
  readonly stop: () => Promise<void>
}

export interface Subject {
  readonly name: string
  /**
   * Starts in front of the smtp-sink on this port; resolves when it takes mail, rejects with what
   * it said.
   */
  readonly start: (sinkPort: number) => Promise<Running>
}
