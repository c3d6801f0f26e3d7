/**
 * The thread of the history: opens the file, writes batches, removes what is old, and answers
 * questions. Everything that waits for the disk waits here. What can't be written is tried again;
 * meanwhile the main thread keeps what it has room for, and counts the rest.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { closingWithAddresses, writtenWithAddresses } from './addresses.ts'
import type { Closing } from './attempt.ts'
import { KeptFile } from './kept-file.ts'
import {
  type BatchText,
  bytesOf,
  type FromThread,
  type ThreadOptions,
  type ToThread,
} from './messages.ts'
import { isDamage } from './opened-file.ts'
import type { Answer, Question } from './question.ts'
import { search } from './search.ts'
import { attemptsPerStep, type HistoryStore } from './store.ts'

/** Before what failed is tried again. */
const againMs = 2000
/** A full batch waits so long for those behind it: what they write lies in the same pages. */
const gatherMs = 100
/** JSON that is written at once, so that questions need not wait long: at most, and of the file. */
const mostAtOnceBytes = 1024 * 1024
const mostOfFile = 1 / 64
/** Between two looks at what is old, and at how large the file is. */
const houseEveryMs = 5000
/** Room for what is written between two looks. */
const fullAt = 0.95

const options = workerData as ThreadOptions

class Thread {
  readonly #waiting: BatchText[] = []
  readonly #file = new KeptFile(options)
  #trouble = false
  /** Until what has failed is tried again. */
  #again: NodeJS.Timeout | undefined
  /** Until what waits for more is written. */
  #gathers: NodeJS.Timeout | undefined

  hear(message: ToThread): void {
    switch (message.kind) {
      case 'write':
        this.#waiting.push(message.batch)
        if (message.batch.waits) this.#gathers ??= setTimeout(() => this.#writeNow(), gatherMs)
        else this.#writeNow()
        return
      case 'search':
        // What has just happened is asked about, too.
        this.#writeNow()
        return this.#answer(message)
      case 'end':
        return this.#end()
    }
  }

  begin(): void {
    this.#try(() => this.#file.open())
  }

  /** Not while what has failed is waiting to be tried again. */
  #writeNow(): void {
    clearTimeout(this.#gathers)
    this.#gathers = undefined
    if (this.#again === undefined) this.#writeAll()
  }

  #writeAll(): void {
    this.#again = undefined
    while (this.#waiting.length > 0) {
      const next = this.#nextToWrite()
      if (!this.#try(() => this.#write(next))) {
        this.#again = setTimeout(() => this.#writeAll(), againMs)
        return
      }
      this.#waiting.splice(0, next.length)
    }
  }

  /** What has failed is tried again one by one: each needs less room than all of them. */
  #nextToWrite(): readonly BatchText[] {
    const most = Math.min(mostAtOnceBytes, options.maxSizeBytes * mostOfFile)
    let [batches, bytes] = [0, 0]
    for (const batch of this.#waiting) {
      bytes += bytesOf(batch)
      if (batches > 0 && (this.#trouble || bytes > most)) break
      batches++
    }
    return this.#waiting.slice(0, batches)
  }

  /** In one transaction. */
  #write(batches: readonly BatchText[]): void {
    const began = performance.now()
    const { store, keeper } = this.#file.open()
    const attempts = sum(batches.map(({ written }) => written.counts.length))
    if (options.keepsHouse) makeRoom(store, attempts)
    store.write(options.slot, {
      written: batches.map(({ written }) => writtenWithAddresses(written, keeper)),
      closings: batches
        .flatMap(({ closings }) => JSON.parse(closings) as Closing[])
        .map((closing) => closingWithAddresses(closing, keeper)),
      gaps: batches.flatMap(({ gaps }) => gaps),
      until: Math.max(...batches.map(({ until }) => until)),
    })
    tell({
      kind: 'written',
      bytes: sum(batches.map(bytesOf)),
      attempts,
      recipients: sum(batches.map(({ recipients }) => recipients)),
      ms: performance.now() - began,
    })
  }

  /** Whether it went well. */
  #try(act: () => void): boolean {
    try {
      act()
    } catch (error) {
      this.#note(error)
      return false
    }
    if (this.#trouble) tell({ kind: 'recovered' })
    this.#trouble = false
    return true
  }

  #note(error: unknown): void {
    this.#trouble = true
    tell({ kind: 'trouble', why: inWords(error) })
    try {
      this.#file.heal(error)
    } catch (further) {
      tell({ kind: 'trouble', why: inWords(further) })
    }
  }

  #answer({ number, question }: Extract<ToThread, { kind: 'search' }>): void {
    try {
      tell({ kind: 'found', number, answer: this.#search(question) })
    } catch (error) {
      tell({ kind: 'notFound', number, why: inWords(error) })
    }
  }

  /** A damaged file is put aside, and the answer comes from the new one. */
  #search(question: Question): Answer {
    const once = (): Answer => {
      const { store, keeper } = this.#file.open()
      return search(store, question, { keeper, mode: options.addresses })
    }
    try {
      return once()
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#note(error)
      return once()
    }
  }

  /** In small steps, between which batches are written and questions are answered. */
  keepHouse(): void {
    const more = this.#try(() => this.#file.open()) ? this.#doSome() : false
    setTimeout(() => this.keepHouse(), more ? 0 : houseEveryMs)
  }

  /** Whether there is more to do. */
  #doSome(): boolean {
    try {
      const { store } = this.#file.open()
      if (store.expire(Date.now() - options.keepMs)) return true
      if (isNearlyFull(store)) return store.removeOldest()
      return store.gather()
    } catch (error) {
      this.#note(error)
      return false
    }
  }

  #end(): void {
    clearTimeout(this.#gathers)
    clearTimeout(this.#again)
    while (this.#waiting.length > 0) {
      const next = this.#nextToWrite()
      this.#waiting.splice(0, next.length)
      this.#try(() => this.#write(next))
    }
    this.#try(() => this.#file.end())
    parentPort?.close()
    process.exit()
  }
}

const sum = (all: readonly number[]): number => all.reduce((one, other) => one + other, 0)

/** More goes than comes. */
function makeRoom(store: HistoryStore, attempts: number): void {
  for (let removed = 0; removed <= attempts && isNearlyFull(store); removed += attemptsPerStep)
    if (!store.removeOldest()) return
}

const isNearlyFull = (store: HistoryStore): boolean =>
  store.usedBytes() > fullAt * options.maxSizeBytes

const tell = (message: FromThread): void => parentPort?.postMessage(message)

const inWords = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const thread = new Thread()
parentPort?.on('message', (message: ToThread) => thread.hear(message))
thread.begin()
if (options.keepsHouse) thread.keepHouse()
