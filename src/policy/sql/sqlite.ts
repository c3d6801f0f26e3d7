/** A SQLite file, asked in a thread of its own, one question after the other. */
import { extname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { ListName } from './query.ts'
import type { Rows } from './rows.ts'
import { driverQuery } from './server.ts'
import type { Database } from './sql-store.ts'
import type { KeyLists } from './key-lists.ts'

export interface SqliteSettings {
  readonly path: string
  readonly query: string
}

export interface ThreadSettings {
  readonly path: string
  /** With a parameter for each list. */
  readonly text: string
}

/** The parameters: each a list as JSON. */
export type SqliteQuestion = readonly string[]
export type SqliteAnswer =
  { readonly kind: 'rows'; readonly rows: Rows } | { readonly kind: 'failed'; readonly why: string }

interface Asked {
  readonly question: SqliteQuestion
  readonly answer: PromiseWithResolvers<Rows>
}

/** A call of SQLite can't be broken off: a thread that is in one is left to itself. */
const mostClosingMs = 1000

/** The thread's file has the extension of this one: .ts from the sources, .js when built. */
const threadFile = new URL(`./sqlite-thread${extname(import.meta.url)}`, import.meta.url)

/** @throws Error that says what is wrong with the query */
export function sqliteDatabase({ path, query }: SqliteSettings): Database {
  // SQLite has no lists: one is a JSON text that a table is made of.
  return new SqliteDatabase(
    path,
    driverQuery(query, () => 'SELECT value FROM json_each(?)'),
  )
}

class SqliteDatabase implements Database {
  readonly name: string
  readonly #settings: ThreadSettings
  readonly #lists: readonly ListName[]
  #thread: Worker | undefined
  /** What the thread works on. */
  #current: Asked | undefined
  readonly #waiting = new Set<Asked>()
  #closed = false

  constructor(path: string, { text, lists }: ReturnType<typeof driverQuery>) {
    this.name = `sqlite:${path}`
    this.#settings = { path, text }
    this.#lists = lists
  }

  async ask(lists: KeyLists, signal: AbortSignal): Promise<Rows> {
    if (this.#closed) throw new Error('it is closed')
    const asked = {
      question: this.#lists.map((list) => JSON.stringify(lists[list])),
      answer: Promise.withResolvers<Rows>(),
    }
    const onAbort = (): void => {
      // What the thread works on can't be stopped; what waits behind it needs no answer any more.
      this.#waiting.delete(asked)
      asked.answer.reject(new Error('nobody waits for the answer any more'))
    }
    signal.addEventListener('abort', onAbort)
    this.#waiting.add(asked)
    this.#next()
    try {
      return await asked.answer.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#failAll('it is closed')
    const waiting = new AbortController()
    const { signal } = waiting
    await Promise.race([
      this.#thread?.terminate(),
      sleep(mostClosingMs, undefined, { signal }),
    ]).finally(() => waiting.abort())
  }

  #next(): void {
    const [first] = this.#waiting
    if (this.#current !== undefined || first === undefined) return
    this.#waiting.delete(first)
    this.#current = first
    this.#thread ??= this.#start()
    this.#thread.postMessage(first.question)
  }

  #start(): Worker {
    const thread = new Worker(threadFile, { workerData: this.#settings })
    thread.unref()
    thread.on('message', (answer: SqliteAnswer) => {
      if (answer.kind === 'rows') this.#current?.answer.resolve(answer.rows)
      else this.#current?.answer.reject(new Error(answer.why))
      this.#current = undefined
      this.#next()
    })
    const onEnd = (why: string): void => {
      if (this.#thread !== thread) return
      // The next question starts another one.
      this.#thread = undefined
      this.#failAll(why)
    }
    thread.on('error', (error) => onEnd(`its thread failed: ${String(error)}`))
    thread.on('exit', () => onEnd('its thread ended'))
    return thread
  }

  #failAll(why: string): void {
    const failed = [...this.#waiting, ...(this.#current === undefined ? [] : [this.#current])]
    this.#waiting.clear()
    this.#current = undefined
    for (const { answer } of failed) answer.reject(new Error(why))
  }
}
