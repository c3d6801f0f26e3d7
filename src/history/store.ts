/**
 * The history's file: batches are written whole or not at all, what is old goes in small steps, and
 * a question is answered by one index. Knows no clock and no thread.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { AddressMode } from './addresses.ts'
import type { Attempt, Closing, Kept } from './attempt.ts'
import type { Gap, LostFile } from './question.ts'
import { attemptColumns, attemptIn, attemptRow, recipientColumns, recipientRow } from './rows.ts'
import { numberOf, pageBytes } from './schema.ts'
import { gatherSegments, Segments, segmentsOf, smallSegmentOf } from './segments.ts'
import { keysOf } from './terms.ts'

/** Attempts that go in one step. */
export const attemptsPerStep = 200

/** Rows that one statement writes: to run one costs as much as to write a row or two. */
const rowsPerStatement = 16

function insertInto(table: string, columns: readonly string[], rows = 1): string {
  const row = `(${columns.map(() => '?').join(', ')})`
  return `insert into ${table} (${columns.join(', ')}) values ${Array(rows).fill(row).join(', ')}`
}

/** By the number of rows. */
const insertsInto = (table: string, columns: readonly string[]): readonly string[] =>
  Array.from({ length: rowsPerStatement + 1 }, (_, rows) => insertInto(table, columns, rows))

const insertAttempt = insertInto('attempt', attemptColumns)
const insertRecipients = insertsInto('recipient', recipientColumns)
const insertTerms = insertsInto('term', ['segment', 'key', 'attempt'])

type TermRow = readonly [segment: number, key: number, attempt: number]

/** As they lie in the index: those of a batch share its pages. */
const byKey = ([segment, key]: TermRow, [other, otherKey]: TermRow): number =>
  segment - other || key - otherKey

export interface Batch {
  readonly kept: readonly Kept[]
  readonly gaps: readonly Gap[]
  /** Of this writer: all that happened up to then is written. */
  readonly until: number
}

export class HistoryStore {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

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

  write(slot: string, { kept, gaps, until }: Batch): void {
    this.#transaction(() => {
      const terms: TermRow[] = []
      for (const one of kept)
        if (one.kind === 'attempt') this.#addAttempt(one.attempt, terms)
        else this.#addClosing(one.closing)
      this.#insert(insertTerms, terms.sort(byKey))
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

  #addAttempt(attempt: Attempt, terms: TermRow[]): void {
    const id = Number(this.#run(insertAttempt, attemptRow(attempt)).lastInsertRowid)
    const segment = smallSegmentOf(id)
    this.#insert(
      insertRecipients,
      attempt.recipients.map((recipient, n) => recipientRow(id, n, recipient, attempt)),
    )
    for (const key of keysOf(attempt)) terms.push([segment, key, id])
  }

  #insert(statements: readonly string[], rows: readonly (readonly SQLInputValue[])[]): void {
    for (let first = 0; first < rows.length; first += rowsPerStatement) {
      const some = rows.slice(first, first + rowsPerStatement)
      this.#run(statements[some.length] ?? '', some.flat())
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
      const rows = this.#statement('select id, at from attempt order by id limit ?').all(
        attemptsPerStep,
      )
      // Several processes write: ids rise with time but for some moments.
      const old = rows.filter(({ at }) => Number(at) < before).map(({ id }) => Number(id))
      for (const id of old) this.#remove(id)
      this.#run(
        'delete from closing where (split, outcome) in (select split, outcome from closing where at < ? limit ?)',
        [before, attemptsPerStep],
      )
      this.#run('delete from gap where until_at < ?', [before])
      return old.length > 0 && old.length === rows.length
    })
  }

  /** Removes the oldest; whether there is more. */
  removeOldest(): boolean {
    return this.#transaction(() => {
      const rows = this.#statement('select id from attempt order by id limit ?').all(
        attemptsPerStep,
      )
      for (const { id } of rows) this.#remove(Number(id))
      return rows.length === attemptsPerStep
    })
  }

  #remove(id: number): void {
    const attempt = this.attempt(id)
    if (attempt !== undefined)
      for (const key of keysOf(attempt))
        this.#run('delete from term where segment in (?, ?) and key = ? and attempt = ?', [
          ...segmentsOf(id),
          key,
          id,
        ])
    this.#run('delete from recipient where attempt = ?', [id])
    this.#run('delete from attempt where id = ?', [id])
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

  attempt(id: number): Attempt | undefined {
    const row = this.#statement('select * from attempt where id = ?').get(id)
    if (row === undefined) return undefined
    return attemptIn(
      row,
      this.#statement('select * from recipient where attempt = ? order by n').all(id),
    )
  }

  /** Of the first attempt that was made then or later; ids rise with time. */
  firstIdSince(at: number): number {
    const next = this.#statement('select id, at from attempt where id >= ? order by id limit 1')
    let low = Number(next.get(0)?.['id'] ?? 0)
    let end = Number(this.#statement('select max(id) as id from attempt').get()?.['id'] ?? 0) + 1
    while (low < end) {
      const middle = Math.floor((low + end) / 2)
      const row = next.get(middle)
      if (row === undefined || Number(row['at']) >= at) end = middle
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
    const at = this.#statement('select at from attempt order by id limit 1').get()?.['at']
    return typeof at === 'number' ? at : undefined
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
