/**
 * One open SQLite database and the statements on it: a file, or memory while the file can't be
 * used. Every call is one short transaction, synchronous, and throws what SQLite throws; what that
 * means is decided in failover.ts.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { Opener, OpenSplits } from '../ledger.ts'
import type { Opened, Size } from '../open-limits.ts'
import { isStrategyName } from '../../strategy/names.ts'
import { OverrideTable } from './override-table.ts'
import { SenderFilter } from './sender-filter.ts'
import { SenderTable } from './sender-table.ts'
import { fromBody, rowState, type SplitRow } from '../stored-split.ts'
import { pragma } from './schema.ts'
import { ReadSplits } from '../read-splits.ts'
import type { Split } from '../../split/split.ts'
import type { WalIndex } from './wal-index.ts'

/** Index rows that one call writes or deletes: what fits well into a millisecond. */
export const membersPerCall = 64

/** Bytes of bodies that one call reads and parses, for the same reason; at least one body. */
const bodyBytesPerCall = 64 * 1024

/** Splits found in one call, and where to go on; absent when there are no more. */
export interface Page {
  readonly splits: readonly Split[]
  readonly next?: Cursor
}

const nothing: Page = { splits: [] }

export interface Cursor {
  readonly key: number
  readonly seq: number
}

/**
 * `stale`: the stored version is another one. `members`: the index rows have to be written first,
 * then again.
 */
export type UpdateResult = 'saved' | 'stale' | 'members'

export interface StoreOptions {
  /** Ids and peers that are written are kept in `written`. */
  readonly remember: boolean
  /** Of a file that others may write to; absent: SQLite is asked for each sender. */
  readonly index?: WalIndex
}

export class SplitStore {
  readonly database: DatabaseSync
  readonly overrides: OverrideTable
  readonly senders: SenderTable
  /**
   * Ids written since it was opened, when somebody wants to know: what a file that was away has
   * missed.
   */
  readonly written: Set<string> | undefined
  readonly #statements = new Map<string, StatementSync>()
  /** Each recipient of a message asks for the same splits. */
  readonly #read = new ReadSplits()
  readonly #filter: SenderFilter | undefined

  constructor(database: DatabaseSync, { remember, index }: StoreOptions) {
    this.database = database
    this.#filter = index === undefined ? undefined : new SenderFilter(database, index)
    this.overrides = new OverrideTable(database, { remember })
    this.senders = new SenderTable(database)
    this.written = remember ? new Set() : undefined
  }

  /** Which file this is; another one may be at the same path later. */
  identity(): string {
    return String(this.#get('select identity from file')?.['identity'])
  }

  /** Whether a process looks through the file, or will, and has not told yet what it found. */
  beingChecked(): boolean {
    return this.#get('select being_checked from file')?.['being_checked'] === 1
  }

  setBeingChecked(is: boolean): void {
    this.#run('update file set being_checked = ?', [is ? 1 : 0])
  }

  /** Changes when another connection has written. */
  dataVersion(): number {
    return pragma(this.database, 'data_version')
  }

  /** A new split with few recipients; false when its id is taken. */
  insert(row: SplitRow): boolean {
    const inserted = this.#transaction(() => {
      const seq = this.#insertRow(row, row.state)
      if (seq !== undefined && row.state === rowState.open)
        this.#insertMembers(seq, row.reversePath, row.recipients)
      return seq !== undefined
    })
    if (inserted) this.written?.add(row.id)
    return inserted
  }

  /**
   * Makes room for a new split whose index rows come in pieces; nobody finds it yet. Undefined when
   * its id is taken.
   */
  reserve(row: SplitRow, now: number): number | undefined {
    return this.#insertRow({ ...row, body: '', closedAt: now }, rowState.writing)
  }

  addMembers(seq: number, reversePath: string, recipients: readonly string[]): void {
    this.#insertMembers(seq, reversePath, recipients)
  }

  /** The split that was reserved becomes visible, whole; false when it was swept away meanwhile. */
  publish(seq: number, row: SplitRow): boolean {
    const { changes } = this.#run(
      `update split set version = ?, state = ?, closed_at = ?, bytes = ?, body = ? where seq = ? and state = 0`,
      [row.version, row.state, row.closedAt, row.bytes, row.body, seq],
    )
    if (changes !== 0) this.written?.add(row.id)
    return changes !== 0
  }

  /** Compare and set: writes only over version `prior`. */
  update(
    row: SplitRow,
    { prior, membersWritten }: { readonly prior: number; readonly membersWritten: boolean },
  ): UpdateResult {
    if (row.state === rowState.closed) {
      const closed = this.#transaction(() => {
        const seq = this.#write(row, prior, true)
        if (seq !== undefined) this.#deleteMembers(seq)
        return seq !== undefined
      })
      return this.#updated(row, closed)
    }
    if (this.#write(row, prior, membersWritten) !== undefined) return this.#updated(row, true)
    const stored = this.#get('select seq, version from split where id = ? and state <> 0', row.id)
    if (stored?.['version'] !== prior) return 'stale'
    if (row.recipients.length > membersPerCall) return 'members'
    const written = this.#transaction(() => {
      this.#insertMembers(Number(stored['seq']), row.reversePath, row.recipients)
      return this.#write(row, prior, true) !== undefined
    })
    return this.#updated(row, written)
  }

  seqOf(id: string): number | undefined {
    const seq = this.#get('select seq from split where id = ? and state <> 0', id)?.['seq']
    return typeof seq === 'number' ? seq : undefined
  }

  find(id: string): { readonly version: number; readonly split: Split | undefined } | undefined {
    const row = this.#get('select version, body from split where id = ? and state <> 0', id)
    return row && { version: Number(row['version']), split: fromBody(row['body']) }
  }

  anyOpen(reversePath: string): boolean {
    if (this.#filter?.hasNone(reversePath) === true) return false
    return (
      this.#get('select 1 from member where reverse_path = ? limit 1', reversePath) !== undefined
    )
  }

  /** Reads a piece of what `anyOpen` wants to know; whether there is more. */
  learnSenders(): boolean {
    return this.#filter?.learn() === true
  }

  /** Newest first; `after` is the cursor of the page before. */
  recall(reversePath: string, recipient: string, after: Cursor | undefined): Page {
    // Nearly always there is nothing: asking for one row costs half of what beginning to read does.
    const any = this.#get(
      'select 1 from member where reverse_path = ? and recipient = ? limit 1',
      reversePath,
      recipient,
    )
    if (any === undefined) return nothing
    const splits: Split[] = []
    let bytes = 0
    const rows = this.#statement(
      `select split.seq, split.id, split.version, split.bytes from member join split on split.seq = member.split
       where member.reverse_path = ? and recipient = ? and member.split < ? and state = 1 order by member.split desc`,
    ).iterate(reversePath, recipient, after?.seq ?? Number.MAX_SAFE_INTEGER)
    for (const row of rows) {
      const seq = Number(row['seq'])
      const split = this.#read.get(String(row['id']), Number(row['version']), () =>
        fromBody(this.#get('select body from split where seq = ?', seq)?.['body']),
      )
      if (split !== undefined) splits.push(split)
      bytes += Number(row['bytes'])
      if (bytes >= bodyBytesPerCall) return { splits, next: { key: seq, seq } }
    }
    return { splits }
  }

  /** Open splits, oldest first. */
  open(after: Cursor | undefined): Page {
    return this.#page(
      `select seq, started_at as key, body from split
       where state = 1 and (started_at, seq) > (?, ?) order by started_at, seq`,
      [after?.key ?? 0, after?.seq ?? -1],
    )
  }

  /**
   * Open splits whose last attempt was before `before`, the longest unattempted first. To begin at
   * a time, say it as `key`.
   */
  stale(before: number, after: Cursor | undefined): Page {
    return this.#page(
      `select seq, last_attempt_at as key, body from split
       where state = 1 and last_attempt_at < ? and (last_attempt_at, seq) > (?, ?) order by last_attempt_at, seq`,
      [before, after?.key ?? 0, after?.seq ?? -1],
    )
  }

  /** Open splits, and those being written, of one opener and of all. */
  opened({ reversePath, client }: Opener): Opened {
    const of = (kind: number, name: string): Size =>
      sizeOf(this.#get('select splits, bytes from opener where kind = ? and name = ?', kind, name))
    const all = sizeOf(
      this.#get(
        'select total(splits) as splits, total(bytes) as bytes from tally where state <> 2',
      ),
    )
    return { sender: of(1, reversePath), client: of(2, client), all }
  }

  countOpen(): OpenSplits[] {
    const rows = this.#all(
      'select peer, strategy, splits from tally where state = 1 and splits > 0',
    )
    return rows.flatMap(({ peer, strategy, splits }) =>
      typeof strategy === 'string' && isStrategyName(strategy)
        ? [{ peer: String(peer), strategy, count: Number(splits) }]
        : [],
    )
  }

  /** All splits, open or closed. */
  totals(): { readonly splits: number; readonly bytes: number } {
    const row = this.#get('select total(splits) as splits, total(bytes) as bytes from tally')
    return { splits: Number(row?.['splits']), bytes: Number(row?.['bytes']) }
  }

  /**
   * A split that was closed before `before`, the first one; ids of rows are not reused while it
   * exists.
   */
  closedBefore(before: number): number | undefined {
    return this.#seq(
      'select seq from split where state = 2 and closed_at < ? order by closed_at',
      before,
    )
  }

  /** A split whose writer ended before it was published. */
  unpublishedBefore(before: number): number | undefined {
    return this.#seq(
      'select seq from split where state = 0 and closed_at < ? order by closed_at',
      before,
    )
  }

  /** The next one to go when there are too many, with its text if it is open. */
  leastMissed(): { readonly seq: number; readonly open?: Split | undefined } | undefined {
    const closed = this.closedBefore(Number.MAX_SAFE_INTEGER)
    if (closed !== undefined) return { seq: closed }
    const row = this.#get(
      'select seq, body from split where state = 1 order by started_at, seq limit 1',
    )
    return row && { seq: Number(row['seq']), open: fromBody(row['body']) }
  }

  /**
   * Removes a split, or a piece of one with many recipients, which nobody finds from then on;
   * whether it is gone.
   */
  remove(seq: number, now: number): boolean {
    return this.#transaction(() => {
      if (this.#deleteMembers(seq) === membersPerCall) {
        this.#run('update split set state = 0, closed_at = ? where seq = ? and state <> 0', [
          now,
          seq,
        ])
        return false
      }
      this.#run('delete from split where seq = ?', [seq])
      return true
    })
  }

  /** Removes index rows of a closed split; whether none is left. */
  removeMembers(seq: number): boolean {
    if (this.#get('select 1 from split where seq = ? and state = 2', seq) === undefined) return true
    return this.#deleteMembers(seq) < membersPerCall
  }

  close(): void {
    this.#statements.clear()
    if (this.database.isOpen) this.database.close()
  }

  #insertRow(row: SplitRow, state: number): number | undefined {
    const { changes, lastInsertRowid } = this.#run(
      `insert into split (id, version, state, peer, strategy, started_at, last_attempt_at, closed_at, members, bytes, body, reverse_path, client)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`,
      [
        row.id,
        row.version,
        state,
        row.peer,
        row.strategy,
        row.startedAt,
        row.lastAttemptAt,
        row.closedAt,
        row.members,
        row.bytes,
        row.body,
        row.reversePath,
        row.client,
      ],
    )
    return changes === 0 ? undefined : Number(lastInsertRowid)
  }

  #insertMembers(seq: number, reversePath: string, recipients: readonly string[]): void {
    this.#run('insert or ignore into member select ?, ?, value from json_each(?)', [
      seq,
      reversePath,
      JSON.stringify(recipients),
    ])
  }

  #updated(row: SplitRow, written: boolean): UpdateResult {
    if (!written) return 'stale'
    this.written?.add(row.id)
    return 'saved'
  }

  #write(row: SplitRow, prior: number, anyMembers: boolean): number | undefined {
    // `all` and not `get`, which stops at the first row: outside of a transaction it would never
    // hear that the commit failed.
    const [written] = this.#statement(
      `update split set version = ?1, state = ?2, last_attempt_at = ?3, closed_at = ?4, bytes = ?5, body = ?6, members = ?7
       where id = ?8 and version = ?9 and state <> 0 and (members = ?7 or ?10) returning seq`,
    ).all(
      row.version,
      row.state,
      row.lastAttemptAt,
      row.closedAt,
      row.bytes,
      row.body,
      row.members,
      row.id,
      prior,
      anyMembers ? 1 : 0,
    )
    const seq = written?.['seq']
    return typeof seq === 'number' ? seq : undefined
  }

  #deleteMembers(seq: number): number {
    const { changes } = this.#run(
      `delete from member where split = ?1
       and recipient in (select recipient from member where split = ?1 limit ${membersPerCall})`,
      [seq],
    )
    return Number(changes)
  }

  /** Reads and parses until enough bytes were read. `sql` gives seq, key and body. */
  #page(sql: string, values: readonly SQLInputValue[]): Page {
    const splits: Split[] = []
    let bytes = 0
    for (const row of this.#statement(sql).iterate(...values)) {
      const split = fromBody(row['body'])
      if (split !== undefined) splits.push(split)
      bytes += typeof row['body'] === 'string' ? row['body'].length : 0
      if (bytes >= bodyBytesPerCall)
        return { splits, next: { key: Number(row['key']), seq: Number(row['seq']) } }
    }
    return { splits }
  }

  #transaction<T>(write: () => T): T {
    this.#run('begin immediate', [])
    try {
      const result = write()
      this.#run('commit', [])
      return result
    } catch (error) {
      if (this.database.isTransaction) this.#run('rollback', [])
      throw error
    }
  }

  /** Prepared once: preparing costs more than running. */
  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  #run(sql: string, values: readonly SQLInputValue[]): ReturnType<StatementSync['run']> {
    return this.#statement(sql).run(...values)
  }

  #all(sql: string): ReturnType<StatementSync['all']> {
    return this.#statement(sql).all()
  }

  #get(sql: string, ...values: readonly SQLInputValue[]): ReturnType<StatementSync['get']> {
    return this.#statement(sql).get(...values)
  }

  #seq(sql: string, ...values: readonly SQLInputValue[]): number | undefined {
    const seq = this.#get(sql, ...values)?.['seq']
    return typeof seq === 'number' ? seq : undefined
  }
}

const sizeOf = (row: Record<string, unknown> | undefined): Size => ({
  splits: Number(row?.['splits'] ?? 0),
  bytes: Number(row?.['bytes'] ?? 0),
})
