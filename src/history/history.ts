/**
 * The history of a process: hears of facts, and has a thread write them in batches, behind the
 * answer. Mail never waits for it: what there is no room for is left out, and counted.
 */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { FactListener } from '../facts/fact.ts'
import { attemptOf, type Closing } from './attempt.ts'
import { AttemptsWriter } from './batch-text.ts'
import { closingOf, type KeptFact } from './kept-fact.ts'
import type { Answer, Gap, Question } from './question.ts'
import { bytesOf, type FromThread, type ThreadOptions, type ToThread } from './messages.ts'

/** Facts wait so long for others to be written with. */
const gatherMs = 250
/** More of them do not wait, so that no turn of the event loop has much to do. */
const mostGathered = 64
/** Nor do more recipients, which may be very many of one transaction. */
const mostRecipients = 10_000
/** Of the queue: the thread writes at once when more is in it. */
const waitsBelow = 0.25

export interface HistoryOptions extends ThreadOptions {
  /** Of the JSON of what is not written yet: more is left out. */
  readonly queueBytes: number
  readonly onFact: FactListener
  readonly now: () => number
}

export interface History {
  readonly onFact: FactListener
  /** Transactions that are in memory or left out while the file can't be written; else 0. */
  unwritten(): number
  /** Rejects with why nobody can tell. */
  search(question: Question): Promise<Answer>
  /** Writes what waits, if it can be written. */
  close(): Promise<void>
}

/** The thread's file has the extension of this one: .ts from the sources, .js when built. */
const program = new URL(`./thread${extname(import.meta.url)}`, import.meta.url)

export function openHistory(options: HistoryOptions): History {
  const writer = new Writer(options)
  return {
    onFact: (fact) => {
      if (
        fact.kind === 'transactionEnded' ||
        fact.kind === 'splitClosed' ||
        fact.kind === 'recipientsMissing'
      )
        writer.add(fact)
    },
    unwritten: () => writer.unwritten(),
    search: async (question) => await writer.search(question),
    close: async () => await writer.close(),
  }
}

class Writer {
  readonly #options: HistoryOptions
  readonly #thread: Worker
  readonly #ended = Promise.withResolvers<undefined>()
  readonly #asked = new Map<number, PromiseWithResolvers<Answer>>()
  #questions = 0
  /** As text: what it is made of need not outlive the collections of young objects. */
  #attempts = new AttemptsWriter()
  #closings: Closing[] = []
  #recipients = 0
  #timer: NodeJS.Timeout | undefined
  /** Of batches that the thread has and has not written. */
  #waitingBytes = 0
  #waitingAttempts = 0
  #inTrouble = false
  /** What was left out since the last batch. */
  #gap: { from: number; until: number; attempts: number } | undefined
  #state: 'runs' | 'ending' | 'gone' = 'runs'

  constructor(options: HistoryOptions) {
    this.#options = options
    const { path, keepMs, maxSizeBytes, addresses, slot, keepsHouse } = options
    const workerData: ThreadOptions = { path, keepMs, maxSizeBytes, addresses, slot, keepsHouse }
    this.#thread = new Worker(program, { workerData })
    this.#thread.unref()
    this.#thread.on('message', (message: FromThread) => this.#hear(message))
    this.#thread.on('error', (error) => this.#gone(String(error)))
    this.#thread.on('exit', () => this.#gone('its thread has ended'))
  }

  add(fact: KeptFact): void {
    const isAttempt = fact.kind === 'transactionEnded'
    if (this.#state === 'gone') this.#leaveOut(fact.at, isAttempt ? 1 : 0, this.#options.now())
    if (this.#state !== 'runs') return
    if (isAttempt) {
      this.#attempts.add(attemptOf(fact))
      this.#recipients += fact.recipients.length
    } else this.#closings.push(closingOf(fact))
    if (this.#isFull) this.#send()
    else this.#timer ??= setTimeout(() => this.#send(), gatherMs).unref()
  }

  get #gathered(): number {
    return this.#attempts.attempts + this.#closings.length
  }

  get #isFull(): boolean {
    return this.#gathered >= mostGathered || this.#recipients >= mostRecipients
  }

  #send(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#gathered === 0 && this.#gap === undefined) return
    const isFull = this.#isFull
    const [written, closings] = [this.#attempts.written, JSON.stringify(this.#closings)]
    const [attempts, recipients] = [this.#attempts.attempts, this.#recipients]
    const bytes = bytesOf({ written, closings })
    const from = Math.min(written.from, ...this.#closings.map(({ at }) => at))
    this.#attempts = new AttemptsWriter()
    this.#closings = []
    this.#recipients = 0
    const until = this.#options.now()
    if (this.#waitingBytes + bytes > this.#options.queueBytes)
      return this.#leaveOut(from, attempts, until)
    const gaps: readonly Gap[] =
      this.#gap === undefined ? [] : [{ ...this.#gap, why: 'not written' }]
    this.#gap = undefined
    this.#waitingBytes += bytes
    this.#waitingAttempts += attempts
    const waits = isFull && this.#waitingBytes <= this.#options.queueBytes * waitsBelow
    this.#post({ kind: 'write', batch: { written, recipients, closings, gaps, until, waits } })
  }

  #leaveOut(first: number, attempts: number, at: number): void {
    const from = Math.min(this.#gap?.from ?? at, first)
    this.#gap = { from, until: at, attempts: (this.#gap?.attempts ?? 0) + attempts }
    this.#options.onFact({ kind: 'historyLeftOut', at, transactions: attempts })
  }

  #hear(message: FromThread): void {
    const { onFact, now } = this.#options
    switch (message.kind) {
      case 'written': {
        const { bytes, attempts: transactions, recipients, ms } = message
        this.#waitingBytes -= bytes
        this.#waitingAttempts -= transactions
        if (this.#gap !== undefined)
          this.#timer ??= setTimeout(() => this.#send(), gatherMs).unref()
        return onFact({ kind: 'historyWritten', at: now(), transactions, recipients, ms })
      }
      case 'trouble':
        this.#inTrouble = true
        return onFact({ kind: 'historyTrouble', at: now(), why: message.why })
      case 'recovered':
        this.#inTrouble = false
        return onFact({ kind: 'historyRecovered', at: now() })
      case 'found':
        this.#asked.get(message.number)?.resolve(message.answer)
        this.#asked.delete(message.number)
        return
      case 'notFound':
        this.#asked.get(message.number)?.reject(new Error(message.why))
        this.#asked.delete(message.number)
    }
  }

  unwritten(): number {
    const left = this.#gap?.attempts ?? 0
    return this.#inTrouble ? left + this.#waitingAttempts + this.#attempts.attempts : left
  }

  async search(question: Question): Promise<Answer> {
    if (this.#state !== 'runs') throw new Error('the history is not open')
    // What has just happened is asked about, too.
    this.#send()
    const number = ++this.#questions
    const asked = Promise.withResolvers<Answer>()
    this.#asked.set(number, asked)
    this.#post({ kind: 'search', number, question })
    return await asked.promise
  }

  #gone(why: string): void {
    if (this.#state !== 'ending' && this.#state !== 'gone')
      this.#options.onFact({ kind: 'historyTrouble', at: this.#options.now(), why })
    this.#state = 'gone'
    this.#inTrouble = true
    for (const { reject } of this.#asked.values()) reject(new Error(why))
    this.#asked.clear()
    this.#ended.resolve(undefined)
  }

  async close(): Promise<void> {
    if (this.#state !== 'runs') return
    this.#send()
    this.#state = 'ending'
    this.#thread.ref()
    this.#post({ kind: 'end' })
    await this.#ended.promise
  }

  #post(message: ToThread): void {
    this.#thread.postMessage(message)
  }
}
