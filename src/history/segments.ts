/**
 * Where attempts are found by their keys. The index is cut into segments of attempts that follow
 * each other (docs/decisions/0121): what is written or removed at the same time lies in the same
 * few pages. A question asks each segment, so that what will not change any more is gathered into
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

const rangeOf = (from: number, until: number): readonly number[] =>
  Array.from({ length: Math.max(0, until - from) }, (_, i) => from + i)

/** All that there are, the oldest first; of a group both kinds while it is gathered. */
function segmentsIn(statement: Statement): readonly number[] {
  const ids = idsIn(statement)
  if (ids === undefined) return []
  const bounds = statement(
    'select (select min(segment) from term) as large, (select min(segment) from term where segment >= 0) as small',
  ).get()
  const [large, small] = [Number(bounds?.['large'] ?? 0), Number(bounds?.['small'] ?? Infinity)]
  return [
    ...rangeOf(Math.floor(ids.first / 2 ** largeBits), -Math.min(0, large)).map(largeSegment),
    ...rangeOf(small, smallSegmentOf(ids.last) + 1),
  ]
}

/**
 * A group is gathered in so many steps, each for a part of the keys: between them batches are
 * written and questions are answered.
 */
const steps = 64
const keysPerStep = 2 ** 48 / steps

/** The smallest key that one of these segments has. */
function smallestKey(statement: Statement, segments: readonly number[]): number | undefined {
  const found = segments.flatMap((segment) => {
    const key = statement('select min(key) as key from term where segment = ?').get(segment)?.[
      'key'
    ]
    return typeof key === 'number' ? [key] : []
  })
  return found.length === 0 ? undefined : Math.min(...found)
}

/** The first group of which small segments are left and no attempt can follow. */
function groupToGather(statement: Statement): readonly number[] | undefined {
  const ids = idsIn(statement)
  const first = statement('select min(segment) as first from term where segment >= 0').get()?.[
    'first'
  ]
  if (ids === undefined || typeof first !== 'number') return undefined
  const group = Math.floor(first / smallInLarge)
  const end = (group + 1) * smallInLarge
  return smallSegmentOf(ids.last) < end ? undefined : rangeOf(group * smallInLarge, end)
}

/**
 * Moves some of what will not change any more into its large segment; whether there may be more.
 * What has one key is moved at once, and whoever asks looks at both.
 */
export function gatherSegments(statement: Statement): boolean {
  const segments = groupToGather(statement)
  if (segments === undefined) return false
  const smallest = smallestKey(statement, segments)
  if (smallest === undefined) return false
  const large = largeSegment(Math.floor((segments[0] ?? 0) / smallInLarge))
  const from = Math.floor(smallest / keysPerStep) * keysPerStep
  const where = 'where segment = ? and key >= ? and key < ?'
  for (const segment of segments) {
    const range = [segment, from, from + keysPerStep]
    statement(`insert into term select ?, key, attempt from term ${where}`).run(large, ...range)
    statement(`delete from term ${where}`).run(...range)
  }
  return true
}

/** In SQL, those of `segmentsOf`. */
const bothOf = `one.attempt >> ${smallBits}, -1 - (one.attempt >> ${largeBits})`

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
        `exists (select 1 from term where segment in (${bothOf}) and key in (${keys.map(() => '?').join(', ')}) and attempt = one.attempt)`,
    )
    const where = also.length === 0 ? '' : `where ${also.join(' and ')}`
    const statement = this.#statement(
      `select attempt from (select attempt ${rowsSql} order by attempt desc limit ?) as one ${where}`,
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
