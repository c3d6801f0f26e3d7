/**
 * The run's own record: what each sender offered and was told, what the server behind took, and all
 * that was done to the processes.
 */
import { appendFileSync } from 'node:fs'

export type Leaving =
  'before DATA' | 'in the text' | 'while the server thinks' | 'before reading the reply'
export type Closing = 'FIN' | 'RST'

/** One transaction as its sender saw it. Times are of the machine's clock, in ms. */
export interface Transaction {
  readonly what: 'transaction'
  readonly letter: string
  readonly sender: string
  readonly attempt: number
  /** Which front-end, from 0. */
  readonly front: number
  readonly from: number
  readonly prdr: boolean
  readonly mail: string
  /**
   * Recipient and reply, in the order in which they were offered; without a reply where none was
   * read.
   */
  readonly rcpts: readonly (readonly [string, string])[]
  readonly data: string
  /** When the final dot was sent. */
  readonly dot?: number
  /** Replies to the text that were read. */
  readonly text: readonly string[]
  readonly end: 'heard' | 'closed by Rcptwise' | 'nothing more was said' | 'left'
  readonly left?: { readonly when: Leaving; readonly how: Closing; readonly at: number }
  readonly to: number
  /** Final replies that are meant for each recipient. */
  readonly told: readonly (readonly [string, string])[]
}

/** The message as it was put into a sender's queue. */
export interface Offer {
  readonly what: 'letter'
  readonly at: number
  readonly letter: string
  readonly sender: string
  readonly reversePath: string
  readonly to: readonly string[]
  readonly score: number
  readonly octets: number
}

/**
 * A signal that was sent, or a process that was started again; `pid` of the process that it was
 * for.
 */
export interface Blow {
  readonly what: 'blow'
  readonly at: number
  readonly target: 'primary' | 'worker' | 'behind' | 'redis' | 'scanner'
  readonly front?: number
  readonly pid: number
  readonly how: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT' | 'started'
  /** Where it was aimed at a moment: what the server behind was doing. */
  readonly aimedAt?: string
}

/**
 * An order to change the strategy: from `at` on the new one may be in force, from `to` on it has to
 * be.
 */
export interface Switch {
  readonly what: 'switch'
  readonly at: number
  readonly to: number | undefined
  readonly strategy: string
}

export interface BoxChange {
  readonly what: 'boxes'
  readonly at: number
  readonly boxes: Readonly<Record<string, string>>
}

/** A process of ours that ended and was not told to. */
export interface Fall {
  readonly what: 'fall'
  readonly at: number
  readonly front: number
  readonly process: string
  readonly why: string
}

/** The machine was too busy to do what was due: so much later than it should. */
export interface Lag {
  readonly what: 'lag'
  readonly at: number
  readonly ms: number
}

/** A front-end's own word: one of its processes could not use its ledger. */
export interface Away {
  readonly what: 'away'
  readonly at: number
  readonly front: number
  readonly to: number
}

/** The server behind has the message for these people, on its disk. */
export interface Taken {
  readonly what: 'taken'
  readonly at: number
  /** When it had come whole, and the server began to think. */
  readonly came: number
  readonly number: string
  readonly letter: string
  readonly to: readonly string[]
}
/** Its positive reply has left. */
export interface Said {
  readonly what: 'said'
  readonly at: number
  readonly number: string
}
/** It has refused somebody for now or for good. */
export interface Refused {
  readonly what: 'refused'
  readonly at: number
  readonly step: 'RCPT' | 'dot'
  readonly code: number
  readonly why: 'full' | 'spam' | 'relay'
  readonly letter?: string
  readonly to: readonly string[]
}

export type BehindEntry = Taken | Said | Refused
export type Entry =
  Offer | Transaction | Blow | Switch | BoxChange | Fall | Lag | Away | BehindEntry

const lookMs = 50
const worthTellingMs = 100

/** Notes how late a timer is, until it is disposed. */
export function watchLag(journal: Journal): Disposable {
  let due = performance.now() + lookMs
  const timer = setInterval(() => {
    const ms = Math.round(performance.now() - due)
    if (ms > worthTellingMs) journal.write({ what: 'lag', at: Date.now(), ms })
    due = performance.now() + lookMs
  }, lookMs)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

export class Journal {
  readonly entries: Entry[] = []
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  write(entry: Entry): void {
    this.entries.push(entry)
    appendFileSync(this.#file, `${JSON.stringify(entry)}\n`)
  }
}
