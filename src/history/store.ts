/**
 * The history's file: batches are written whole or not at all, what is old goes in small steps, and
 * a question is answered by one index. Knows no clock and no thread.
 */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { AddressMode } from './addresses.ts'
import type { Attempt, Closing } from './attempt.ts'
import { attemptIn, type AttemptsText, termsIn, packed, textOf, unpacked } from './batch-text.ts'
import type { Gap, LostFile } from './question.ts'
import { numberOf, pageBytes } from './schema.ts'
import { bucketsOf, forgetAttempts, gatherSegments, NewTerms, Segments } from './segments.ts'
import { keyOf, termsOf, valuesOf } from './terms.ts'

/** Attempts that go in one step, and a batch more at most. */
export const attemptsPerStep = 200

/** Of the index, that one statement writes: to run one costs as much as to write a row or two. */
const rowsPerStatement = 64

const insertTerms = (rows: number): string =>
  `insert into term (bucket, attempt) values ${Array(rows).fill('(?, ?)').join(', ')}`
const insertMostTerms = insertTerms(rowsPerStatement)

export interface Batch {
  /** Each to be a row. */
  readonly written: readonly AttemptsText[]
  readonly closings: readonly Closing[]
  readonly gaps: readonly Gap[]
  /** Of this writer: all that happened up to then is written. */
  readonly until: number
}

interface BatchRow {
  readonly id: number
  readonly attempts: number
  readonly from: number
  readonly until: number
}

const batchIn = (row: Readonly<Record<string, SQLOutputValue>>): BatchRow => ({
  id: Number(row['id']),
  attempts: Number(row['attempts']),
  from: Number(row['from_at']),
  until: Number(row['until_at']),
})
const batchSql = 'select id, attempts, from_at, until_at from batch'

export class HistoryStore {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  #seed: number | undefined
  #read: { readonly first: number; readonly lines: readonly string[] | undefined } | undefined

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** A writer begins. One of the same slot that never ended was killed: its last is lost. */
  begin(slot: string, addresses: AddressMode, now: number): void {
    this.#transaction(() => {
      this.#run(
        `insert into gap (from_at, until_at, why)
         select written_until, ?, 'killed' from run where slot = ? and ended_at is null`,
        [now, slot],
      )
      this.#run(
        `insert into run (slot, addresses, started_at, written_until) values (?, ?, ?, ?) on conflict (slot)
         do update set addresses = excluded.addresses, started_at = excluded.started_at, written_until = excluded.written_until, ended_at = null`,
        [slot, addresses, now, now],
      )
    })
  }

  /** Of whoever has begun last. */
  mode(): AddressMode {
    const row = this.#statement('select addresses from run order by started_at desc limit 1').get()
    const mode = row?.['addresses']
    return mode === 'domain' || mode === 'hash' ? mode : 'full'
  }

  /** What was kept before is lost. */
  noteLost(why: LostFile, now: number): void {
    this.#run('insert into gap (from_at, until_at, why) values (?, ?, ?)', [now, now, why])
  }

  /** Before any writer begins: none that was there is there still. */
  endOthers(slot: string, now: number): void {
    this.#transaction(() => {
      this.#run(
        `insert into gap (from_at, until_at, why)
         select written_until, ?, 'killed' from run where slot <> ? and ended_at is null`,
        [now, slot],
      )
      this.#run('delete from run where slot <> ?', [slot])
    })
  }

  end(slot: string, now: number): void {
    this.#run('update run set ended_at = ?, written_until = ? where slot = ?', [now, now, slot])
  }

  write(slot: string, { written, closings, gaps, until }: Batch): void {
    this.#transaction(() => {
      this.#addAttempts(written.filter(({ counts }) => counts.length > 0))
      for (const closing of closings) this.#addClosing(closing)
      for (const { from, until: to, attempts, why } of gaps)
        this.#run('insert into gap (from_at, until_at, attempts, why) values (?, ?, ?, ?)', [
          from,
          to,
          attempts ?? null,
          why,
        ])
      this.#run('update run set written_until = max(written_until, ?) where slot = ?', [
        until,
        slot,
      ])
    })
  }

  #addAttempts(written: readonly AttemptsText[]): void {
    const last = this.#statement(`${batchSql} order by id desc limit 1`).get()
    let id = last === undefined ? 1 : Number(last['id']) + Number(last['attempts'])
    const terms = new NewTerms(id)
    for (const some of written) {
      const { text, counts, from, until } = some
      this.#run(
        'insert into batch (id, attempts, from_at, until_at, packed) values (?, ?, ?, ?, ?)',
        [id, counts.length, from, until, packed(text)],
      )
      for (const ofAttempt of termsIn(some)) {
        for (const term of ofAttempt) terms.add(id, keyOf(term, this.seed))
        id++
      }
    }
    const rows = terms.rows()
    for (let first = 0; first < rows.length; first += 2 * rowsPerStatement) {
      const some = rows.slice(first, first + 2 * rowsPerStatement)
      const isFull = some.length === 2 * rowsPerStatement
      this.#run(isFull ? insertMostTerms : insertTerms(some.length / 2), some)
    }
  }

  #addClosing({ split, outcome, at, recipients }: Closing): void {
    this.#run(
      'insert or replace into closing (split, outcome, at, recipients) values (?, ?, ?, ?)',
      [split, outcome, at, JSON.stringify(recipients)],
    )
  }

  /** Removes some of what is older; whether there may be more of it. */
  expire(before: number): boolean {
    return this.#transaction(() => {
      // Several processes write: ids rise with time but for some moments.
      const oldest = this.#oldest()
      for (const batch of oldest) if (batch.from < before) this.#remove(batch, before)
      this.#run(
        'delete from closing where (split, outcome) in (select split, outcome from closing where at < ? limit ?)',
        [before, attemptsPerStep],
      )
      this.#run('delete from gap where until_at < ?', [before])
      return oldest.length > 0 && oldest.every(({ until }) => until < before)
    })
  }

  /** Removes the oldest; whether there is more. */
  removeOldest(): boolean {
    return this.#transaction(() => {
      const oldest = this.#oldest()
      for (const batch of oldest) this.#remove(batch, Infinity)
      return attemptsOf(oldest) >= attemptsPerStep
    })
  }

  /** As many as go in one step. */
  #oldest(): readonly BatchRow[] {
    const oldest: BatchRow[] = []
    for (const row of this.#statement(`${batchSql} order by id`).iterate()) {
      oldest.push(batchIn(row))
      if (attemptsOf(oldest) >= attemptsPerStep) break
    }
    return oldest
  }

  /** Of its attempts those that are older; the place of each stays. */
  #remove({ id, attempts }: BatchRow, before: number): void {
    const lines = this.#linesOf(id)
    const left = lines?.map((line, place) => {
      const attempt = attemptIn(line)
      if (attempt === undefined || attempt.at >= before) return line
      for (const term of termsOf(valuesOf(attempt)))
        this.#run('delete from term where bucket in (?, ?) and attempt = ?', [
          ...bucketsOf(id + place, keyOf(term, this.seed)),
          id + place,
        ])
      return ''
    })
    const stay = left?.flatMap((line) => attemptIn(line)?.at ?? []) ?? []
    if (left !== undefined && stay.length > 0)
      this.#run('update batch set from_at = ?, packed = ? where id = ?', [
        Math.min(...stay),
        packed(textOf(left)),
        id,
      ])
    else this.#run('delete from batch where id = ?', [id])
    if (lines === undefined) forgetAttempts((sql) => this.#statement(sql), id, id + attempts - 1)
  }

  /** Makes questions cheaper; whether there may be more to do. */
  gather(): boolean {
    return this.#transaction(() => gatherSegments((sql) => this.#statement(sql)))
  }

  /** What it is asked meanwhile is answered from one state of the file. */
  reading<T>(ask: (terms: Segments) => T): T {
    this.#run('begin', [])
    try {
      return ask(new Segments((sql) => this.#statement(sql)))
    } finally {
      this.#read = undefined
      if (this.#database.isTransaction) this.#run('commit', [])
    }
  }

  /** Without what is free in it. */
  usedBytes(): number {
    return (
      (numberOf(this.#database, 'page_count') - numberOf(this.#database, 'freelist_count')) *
      pageBytes
    )
  }

  /** While it is read (`reading`): of the batch that was looked at last its lines are kept. */
  attempt(id: number): Attempt | undefined {
    const row = this.#statement('select max(id) as id from batch where id <= ?').get(id)
    const first = Number(row?.['id'] ?? 0)
    if (this.#read?.first !== first) this.#read = { first, lines: this.#linesOf(first) }
    return attemptIn(this.#read.lines?.[id - first])
  }

  /** Of a batch; undefined where it is damaged: then nobody can tell what was in it. */
  #linesOf(id: number): readonly string[] | undefined {
    const octets = this.#statement('select packed from batch where id = ?').get(id)?.['packed']
    return octets instanceof Uint8Array ? unpacked(octets) : undefined
  }

  /** Before all attempts that were made then or later; ids rise with time. */
  firstIdSince(at: number): number {
    const next = this.#statement(`${batchSql} where id >= ? order by id limit 1`)
    let low = Number(next.get(0)?.['id'] ?? 0)
    let end = Number(this.#statement('select max(id) as id from batch').get()?.['id'] ?? 0) + 1
    while (low < end) {
      const middle = Math.floor((low + end) / 2)
      const row = next.get(middle)
      if (row === undefined || Number(row['until_at']) >= at) end = middle
      else low = Number(row['id']) + 1
    }
    return low
  }

  closingsOf(split: string): readonly Closing[] {
    return this.#statement('select * from closing where split = ?')
      .all(split)
      .map((row) => ({
        at: Number(row['at']),
        split,
        outcome: String(row['outcome']) as Closing['outcome'],
        recipients: JSON.parse(String(row['recipients'])) as string[],
      }))
  }

  gapsSince(since: number): readonly Gap[] {
    return this.#statement('select * from gap where until_at >= ? order by from_at, id')
      .all(since)
      .map((row) => ({
        from: Number(row['from_at']),
        until: Number(row['until_at']),
        ...(typeof row['attempts'] === 'number' && { attempts: row['attempts'] }),
        why: String(row['why']),
      }))
  }

  /** When the oldest attempt that is kept was made. */
  keptSince(): number | undefined {
    const at = this.#statement(`${batchSql} order by id limit 1`).get()?.['from_at']
    return typeof at === 'number' ? at : undefined
  }

  /** Of the keys of terms. */
  get seed(): number {
    this.#seed ??= Number(this.#statement('select value from seed').get()?.['value'])
    return this.#seed
  }

  close(): void {
    this.#statements.clear()
    if (this.#database.isOpen) this.#database.close()
  }

  #transaction<T>(act: () => T): T {
    this.#run('begin immediate', [])
    try {
      const result = act()
      this.#run('commit', [])
      return result
    } catch (error) {
      if (this.#database.isTransaction) this.#run('rollback', [])
      throw error
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  #run(sql: string, values: readonly SQLInputValue[]): ReturnType<StatementSync['run']> {
    return this.#statement(sql).run(...values)
  }
}

const attemptsOf = (batches: readonly BatchRow[]): number =>
  batches.reduce((sum, { attempts }) => sum + attempts, 0)
