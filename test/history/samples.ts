/** Attempts for tests of the history, and a file of it in a directory of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import type { RecipientFact, TransactionFact } from '../../src/facts/transaction.ts'
import { type AddressMode, addressKeeper, withAddresses } from '../../src/history/addresses.ts'
import { allAttempts } from '../../src/history/all-attempts.ts'
import { type Attempt, attemptOf } from '../../src/history/attempt.ts'
import { type Answer, type Question, questionOf } from '../../src/history/question.ts'
import { writtenOf } from '../../src/history/batch-text.ts'
import { openHistoryFile } from '../../src/history/schema.ts'
import { search } from '../../src/history/search.ts'
import { HistoryStore } from '../../src/history/store.ts'
import { recipient, transaction } from '../metrics/sample-facts.ts'

export const start = Date.UTC(2026, 10, 30, 8)

export const attempt = (change: Partial<TransactionFact> = {}): Attempt =>
  attemptOf(transaction({ at: start, ...change }))

export const to = (address: string, change: Partial<RecipientFact> = {}): RecipientFact =>
  recipient(address, { taken: { queueId: `Q${address.slice(0, 1).toUpperCase()}` }, ...change })

export const waits: Partial<RecipientFact> = {
  fate: 'deferred',
  verdict: 'reject',
  reason: { because: 'other group' },
  final: false,
  reply: '451 4.5.3 Later',
}

export class TestStore implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'rcptwise-history-'))
  readonly path = join(this.directory, 'history.db')
  readonly store: HistoryStore
  readonly keeper
  readonly mode: AddressMode

  constructor(mode: AddressMode = 'full', maxSizeBytes = 1024 * 1024 * 1024) {
    this.mode = mode
    this.keeper = addressKeeper(mode, Buffer.alloc(32, 7))
    this.store = new HistoryStore(openHistoryFile({ path: this.path, maxSizeBytes }))
    this.store.begin('primary', mode, start)
  }

  write(...attempts: readonly Attempt[]): void {
    this.store.write('primary', {
      written: [writtenOf(attempts.map((one) => withAddresses(one, this.keeper)))],
      closings: [],
      gaps: [],
      until: start,
    })
  }

  /** Of each batch. */
  get packed(): readonly Uint8Array[] {
    return this.#ask('select packed from batch order by id').map(
      ({ packed }) => packed as Uint8Array,
    )
  }

  get terms(): number {
    return Number(this.#ask('select count(*) as n from term')[0]?.['n'])
  }

  get everyTransaction(): readonly string[] {
    using database = new DatabaseSync(this.path)
    return [...allAttempts(database)].flat().map(({ transaction }) => transaction)
  }

  change(sql: string): void {
    this.#ask(sql)
  }

  /** What was written is in the file itself then. */
  checkpoint(): void {
    this.#ask('pragma wal_checkpoint(truncate)')
  }

  #ask(sql: string): readonly Record<string, SQLOutputValue>[] {
    using database = new DatabaseSync(this.path)
    return database.prepare(sql).all()
  }

  search(question: Partial<Question>): Answer {
    const { keeper, mode } = this
    return search(this.store, questionOf({ limit: 100, ...question }), { keeper, mode })
  }

  found(question: Partial<Question>): readonly string[] {
    return this.search(question).attempts.map(({ transaction }) => transaction)
  }

  [Symbol.dispose](): void {
    this.store.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export const historySample: Answer = {
  attempts: [attempt({ recipients: [to('a@example.org')] })],
  closings: [],
  gaps: [],
  more: false,
  keptSince: start,
  addresses: 'full',
  asked: ['a@example.org', '@example.org'],
}
