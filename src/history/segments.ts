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
  /** Of those with the key about so many are looked at, at most. */
  readonly most: number
}

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

/** The newest first. `mixed`: the group of which both kinds are there while it is gathered. */
interface Present {
  readonly segments: readonly number[]
  readonly mixed: number | undefined
}

function segmentsIn(statement: Statement): Present {
  const ids = idsIn(statement)
  if (ids === undefined) return { segments: [], mixed: undefined }
  const bounds = statement(
    'select (select min(segment) from term) as large, (select min(segment) from term where segment >= 0) as small',
  ).get()
  const [large, small] = [Number(bounds?.['large'] ?? 0), Number(bounds?.['small'] ?? Infinity)]
  const groups = -Math.min(0, large)
  const segments = [
    ...rangeOf(Math.floor(ids.first / 2 ** largeBits), groups).map(largeSegment),
    ...rangeOf(small, smallSegmentOf(ids.last) + 1),
  ]
  const group = Math.floor(small / smallInLarge)
  return { segments: segments.reverse(), mixed: group < groups ? group : undefined }
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

/** Of a key that so many times more attempts have, each one is looked up by itself. */
const manyTimes = 8

const placesFor = (values: readonly unknown[]): string => values.map(() => '?').join(', ')

/** The index as it is now; for the time of a transaction. */
export class Segments {
  readonly #statement: Statement
  /** JSON, the newest first. */
  readonly #segments: string
  readonly #mixed: number | undefined

  constructor(statement: Statement) {
    const { segments, mixed } = segmentsIn(statement)
    this.#statement = statement
    this.#segments = JSON.stringify(segments)
    this.#mixed = mixed
  }

  /** How many attempts have the key, as far as it matters. */
  countOf(key: number, most: number): number {
    const sql = `select count(*) as count from
      (select 1 from json_each(?) as here cross join term
       on segment = here.value and term.key = ? limit ?)`
    return Number(this.#statement(sql).get(this.#segments, key, most)?.['count'])
  }

  /** Attempts with one of these keys, the newest about first; of all together `most`. */
  withAny(keys: readonly number[], most: number): ReadonlySet<number> {
    const sql = `select attempt from json_each(?) as here cross join json_each(?) as wanted
      cross join term on segment = here.value and term.key = wanted.value limit ?`
    const rows = this.#statement(sql).all(this.#segments, JSON.stringify(keys), most)
    return new Set(rows.map(({ attempt }) => Number(attempt)))
  }

  /** Attempts with this key, the newest first. */
  *newestFirst(key: number, { others, from, most }: Among): IterableIterator<number> {
    let left = most
    for (const segment of this.#withKey(key, from)) {
      if (left <= 0) return
      const one: One = { segment, key, from }
      const count = this.#countIn(one, most)
      for (const { attempt } of this.#rows(one, count, others)) yield Number(attempt)
      left -= count
    }
  }

  /** Segments in which there is one, the last first. */
  #withKey(key: number, from: number): readonly number[] {
    const sql = `select here.value as segment from json_each(?) as here where exists
      (select 1 from term where segment = here.value and term.key = ? and attempt >= ?)
      order by here.id`
    const rows = this.#statement(sql).all(this.#segments, key, from)
    return rows.map(({ segment }) => Number(segment))
  }

  /** Read whole: others are read before this one has come to its end. */
  #rows(one: One, count: number, others: readonly (readonly number[])[]): readonly Row[] {
    const { segment, key, from } = one
    const isMixed = this.#isMixed(segment)
    const most = manyTimes * count
    const isSimilar = ([only = 0, ...more]: readonly number[]): boolean =>
      !isMixed && more.length === 0 && this.#countIn({ ...one, key: only }, most + 1) <= most
    const { similar = [], looked = [] } = Object.groupBy(others, (keys) =>
      isSimilar(keys) ? 'similar' : 'looked',
    )
    const exists = looked.map((keys) => {
      const where = isMixed ? `segment in (${bothOf})` : 'segment = one.segment'
      return ` and exists (select 1 from term where ${where} and key in (${placesFor(keys)}) and attempt = one.attempt)`
    })
    // Both are in the order of time, so that SQLite reads them side by side.
    const intersect = similar.map(() => ` intersect select attempt ${rowsSql}`)
    const sql = `select attempt ${rowsSql}${exists.join('')}${intersect.join('')} order by attempt desc`
    const values = similar.flatMap((keys) => [segment, ...keys, from])
    return this.#statement(sql).all(segment, key, from, ...looked.flat(), ...values)
  }

  #isMixed(segment: number): boolean {
    const group = segment < 0 ? -1 - segment : Math.floor(segment / smallInLarge)
    return group === this.#mixed
  }

  #countIn({ segment, key, from }: One, most: number): number {
    const sql = `select count(*) as count from (select 1 ${rowsSql} limit ?)`
    return Number(this.#statement(sql).get(segment, key, from, most)?.['count'])
  }
}

/** Attempts of a segment with a key, from an id on. */
interface One {
  readonly segment: number
  readonly key: number
  readonly from: number
}

type Row = ReturnType<StatementSync['all']>[number]
