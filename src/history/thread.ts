/**
 * The thread of the history: opens the file, writes batches, removes what is old, and answers
 * questions. Everything that waits for the disk waits here. What can't be written is tried again;
 * meanwhile the main thread keeps what it has room for, and counts the rest.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { closingWithAddresses, withAddresses } from './addresses.ts'
import type { Kept } from './attempt.ts'
import { KeptFile } from './kept-file.ts'
import type { BatchText, FromThread, ThreadOptions, ToThread } from './messages.ts'
import { isDamage } from './opened-file.ts'
import type { Answer, Question } from './question.ts'
import { search } from './search.ts'
import type { HistoryStore } from './store.ts'

/** Before what failed is tried again. */
const againMs = 2000
/** Between two looks at what is old, and at how large the file is. */
const houseEveryMs = 5000
/** Room for what is written between two looks. */
const fullAt = 0.95

const options = workerData as ThreadOptions

class Thread {
  readonly #waiting: BatchText[] = []
  readonly #file = new KeptFile(options)
  #trouble = false
  #timer: NodeJS.Timeout | undefined

  hear(message: ToThread): void {
    switch (message.kind) {
      case 'write':
        this.#waiting.push(message.batch)
        if (this.#timer === undefined) this.#writeAll()
        return
      case 'search':
        return this.#answer(message)
      case 'end':
        return this.#end()
    }
  }

  begin(): void {
    this.#try(() => this.#file.open())
  }

  #writeAll(): void {
    this.#timer = undefined
    for (let batch = this.#waiting[0]; batch !== undefined; batch = this.#waiting[0]) {
      const next = batch
      if (!this.#try(() => this.#write(next))) {
        this.#timer = setTimeout(() => this.#writeAll(), againMs)
        return
      }
      this.#waiting.shift()
    }
  }

  #write({ json, gaps, until, attempts, recipients }: BatchText): void {
    const began = performance.now()
    const { store, keeper } = this.#file.open()
    if (options.keepsHouse && isNearlyFull(store)) store.removeOldest()
    const kept = (JSON.parse(json) as Kept[]).map((one): Kept =>
      one.kind === 'attempt'
        ? { kind: 'attempt', attempt: withAddresses(one.attempt, keeper) }
        : { kind: 'closing', closing: closingWithAddresses(one.closing, keeper) },
    )
    store.write(options.slot, { kept, gaps, until })
    tell({
      kind: 'written',
      bytes: json.length,
      attempts,
      recipients,
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
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const batch of this.#waiting.splice(0)) this.#try(() => this.#write(batch))
    this.#try(() => this.#file.end())
    parentPort?.close()
    process.exit()
  }
}

const isNearlyFull = (store: HistoryStore): boolean =>
  store.usedBytes() > fullAt * options.maxSizeBytes

const tell = (message: FromThread): void => parentPort?.postMessage(message)

const inWords = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const thread = new Thread()
parentPort?.on('message', (message: ToThread) => thread.hear(message))
thread.begin()
if (options.keepsHouse) thread.keepHouse()
