/**
 * Where attempts are found by their keys. The index is cut into segments of attempts that follow
 * each other (docs/decisions/0121): what is written or removed at the same time lies in the same few
 * pages. A question asks each segment, so that what will not change any more is gathered into
 * larger ones.
 */
import type { StatementSync } from 'node:sqlite'

type Statement = (sql: string) => StatementSync

/** 8192 attempts: some 170 pages of the index. */
const smallBits = 13
/** Of sixteen of those one is made. */
const largeBits = 17
const smallInLarge = 2 ** (largeBits - smallBits)

/** Of an attempt that is just written. */
export const smallSegmentOf = (attempt: number): number => Math.floor(attempt / 2 ** smallBits)

/** They have numbers below zero. */
const largeSegment = (group: number): number => -1 - group
const largeSegmentOf = (attempt: number): number =>
  largeSegment(Math.floor(attempt / 2 ** largeBits))

/** An attempt is in one of these. */
export const segmentsOf = (attempt: number): readonly [number, number] => [
  smallSegmentOf(attempt),
  largeSegmentOf(attempt),
]

/** Which of the attempts with a key are asked for. */
export interface Among {
  /** They also have one of each of these. */
  readonly others: readonly (readonly number[])[]
  /** An id, from which on. */
  readonly from: number
  /** Of those with the key so many are looked at, at most. */
  readonly most: number
}

const everything: Among = { others: [], from: 0, most: Infinity }

interface Ids {
  readonly first: number
  readonly last: number
}

function idsIn(statement: Statement): Ids | undefined {
  const row = statement(
    'select (select min(id) from attempt) as first, (select max(id) from attempt) as last',
  ).get()
  const [first, last] = [row?.['first'], row?.['last']]
  return typeof first === 'number' && typeof last === 'number' ? { first, last } : undefined
}

/** The group behind the last that was gathered. */
function nextGroup(statement: Statement): number | undefined {
  const last = statement('select min(segment) as last from term').get()?.['last']
  return typeof last === 'number' && last < 0 ? -last : undefined
}

const rangeOf = (from: number, until: number): readonly number[] =>
  Array.from({ length: Math.max(0, until - from) }, (_, i) => from + i)

/** All that there are, the oldest first. */
function segmentsIn(statement: Statement): readonly number[] {
  const ids = idsIn(statement)
  if (ids === undefined) return []
  const group = nextGroup(statement) ?? 0
  const firstGroup = Math.floor(ids.first / 2 ** largeBits)
  const firstSmall = Math.max(group * smallInLarge, smallSegmentOf(ids.first))
  return [
    ...rangeOf(firstGroup, group).map(largeSegment),
    ...rangeOf(firstSmall, smallSegmentOf(ids.last) + 1),
  ]
}

/** So that little more room is needed than there is already. */
const slices = 64
const keyBits = 48

/** Gathers what will not change any more, one large segment; whether there was one. */
export function gatherSegments(statement: Statement): boolean {
  const ids = idsIn(statement)
  if (ids === undefined) return false
  const group = Math.max(nextGroup(statement) ?? 0, Math.floor(ids.first / 2 ** largeBits))
  if (smallSegmentOf(ids.last) < (group + 1) * smallInLarge) return false
  const small = [group * smallInLarge, (group + 1) * smallInLarge - 1]
  const where = 'where segment between ? and ? and key >= ? and key < ?'
  const copy = statement(
    `insert into term select ?, key, attempt from term ${where} order by key, attempt`,
  )
  const remove = statement(`delete from term ${where}`)
  const step = 2 ** keyBits / slices
  for (let key = 0; key < 2 ** keyBits; key += step) {
    copy.run(largeSegment(group), ...small, key, key + step)
    remove.run(...small, key, key + step)
  }
  return true
}

const rowsSql = 'from term as one where segment = ? and key = ? and attempt >= ?'

/** The index as it is now; for the time of a transaction. */
export class Segments {
  readonly #statement: Statement
  readonly #segments: string

  constructor(statement: Statement) {
    this.#statement = statement
    this.#segments = JSON.stringify(segmentsIn(statement))
  }

  /** How many attempts have the key, as far as it matters. */
  countOf(key: number, most: number): number {
    const sql = `select count(*) as count from
      (select 1 from json_each(?) as here cross join term
       on segment = here.value and term.key = ? limit ?)`
    return Number(this.#statement(sql).get(this.#segments, key, most)?.['count'])
  }

  /** Attempts with this key, the newest first. */
  *newestFirst(key: number, among: Among = everything): IterableIterator<number> {
    const { others, from } = among
    let left = among.most
    for (const segment of this.#withKey(key, from)) {
      if (left <= 0) return
      for (const { attempt } of this.#rows(segment, key, { others, from, most: left }))
        yield Number(attempt)
      if (Number.isFinite(left)) left -= this.#countIn(segment, key, from)
    }
  }

  /** Segments in which there is one, the last first. */
  #withKey(key: number, from: number): readonly number[] {
    const sql = `select here.value as segment from json_each(?) as here where exists
      (select 1 from term where segment = here.value and term.key = ? and attempt >= ?)
      order by here.id desc`
    const rows = this.#statement(sql).all(this.#segments, key, from)
    return rows.map(({ segment }) => Number(segment))
  }

  /** Read whole: others are read before this one has come to its end. */
  #rows(segment: number, key: number, { others, from, most }: Among): readonly Row[] {
    const also = others.map(
      (keys) =>
        `exists (select 1 from term where segment = one.segment and key in (${keys.map(() => '?').join(', ')}) and attempt = one.attempt)`,
    )
    const where = also.length === 0 ? '' : `where ${also.join(' and ')}`
    const statement = this.#statement(
      `select attempt from (select segment, attempt ${rowsSql} order by attempt desc limit ?) as one ${where}`,
    )
    const limit = Number.isFinite(most) ? most : -1
    return statement.all(segment, key, from, limit, ...others.flat())
  }

  #countIn(segment: number, key: number, from: number): number {
    return Number(
      this.#statement(`select count(*) as count ${rowsSql}`).get(segment, key, from)?.['count'],
    )
  }
}

type Row = ReturnType<StatementSync['all']>[number]
