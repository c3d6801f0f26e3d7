/**
 * Where attempts are found by their keys. The index is cut into segments of attempts that follow
 * each other (docs/decisions/0121): what is written or removed at the same time lies in the same
 * few pages. A question asks each segment, so that what will not change any more is gathered into
 * larger ones.
 */
import type { StatementSync } from 'node:sqlite'
import { keyBits } from './terms.ts'

type Statement = (sql: string) => StatementSync

/** 8192 attempts: some 170 pages of the index. */
const smallBits = 13
/** Of sixteen of those one is made. */
const largeBits = 17
const smallInLarge = 2 ** (largeBits - smallBits)

/** Of an attempt that is just written. */
const smallSegmentOf = (attempt: number): number => Math.floor(attempt / 2 ** smallBits)

/** They have numbers below zero. */
const largeSegment = (group: number): number => -1 - group
const largeSegmentOf = (attempt: number): number =>
  largeSegment(Math.floor(attempt / 2 ** largeBits))

/** A segment and a key are one number: what has it is a bucket of attempts. */
const bucketOf = (segment: number, key: number): number => segment * 2 ** keyBits + key
const segmentOf = (bucket: number): number => Math.floor(bucket / 2 ** keyBits)

/** An attempt with the key is in one of these. */
export const bucketsOf = (attempt: number, key: number): readonly [number, number] => [
  bucketOf(smallSegmentOf(attempt), key),
  bucketOf(largeSegmentOf(attempt), key),
]

/** Attempts that are written in one transaction, with their keys. */
export class NewTerms {
  readonly #segment: number
  /** How far the bucket is from the first one, and which of its segment's attempts it is. */
  readonly #terms: number[] = []

  constructor(firstAttempt: number) {
    this.#segment = smallSegmentOf(firstAttempt)
  }

  add(attempt: number, key: number): void {
    const distance = bucketOf(smallSegmentOf(attempt) - this.#segment, key)
    this.#terms.push(distance * 2 ** smallBits + (attempt % 2 ** smallBits))
  }

  /** Buckets and attempts in turn, each once; in the order of the index, since they share pages. */
  rows(): readonly number[] {
    const rows: number[] = []
    let last: number | undefined
    for (const term of Float64Array.from(this.#terms).sort()) {
      if (term === last) continue
      last = term
      const bucket = bucketOf(this.#segment, Math.floor(term / 2 ** smallBits))
      rows.push(bucket, segmentOf(bucket) * 2 ** smallBits + (term % 2 ** smallBits))
    }
    return rows
  }
}

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
    'select (select min(id) from batch) as first, (select id + attempts - 1 from batch order by id desc limit 1) as last',
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
    'select (select min(bucket) from term) as large, (select min(bucket) from term where bucket >= 0) as small',
  ).get()
  const [large, small] = [bounds?.['large'] ?? 0, bounds?.['small'] ?? Infinity].map((bucket) =>
    segmentOf(Number(bucket)),
  ) as [number, number]
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
const keysPerStep = 2 ** keyBits / steps

/** The smallest key that one of these segments has. */
function smallestKey(statement: Statement, segments: readonly number[]): number | undefined {
  const found = segments.flatMap((segment) => {
    const bucket = statement(
      'select min(bucket) as bucket from term where bucket >= ? and bucket < ?',
    ).get(bucketOf(segment, 0), bucketOf(segment + 1, 0))?.['bucket']
    return typeof bucket === 'number' ? [bucket - bucketOf(segment, 0)] : []
  })
  return found.length === 0 ? undefined : Math.min(...found)
}

/** The first group of which small segments are left and no attempt can follow. */
function groupToGather(statement: Statement): readonly number[] | undefined {
  const ids = idsIn(statement)
  const first = statement('select min(bucket) as first from term where bucket >= 0').get()?.[
    'first'
  ]
  if (ids === undefined || typeof first !== 'number') return undefined
  const group = Math.floor(segmentOf(first) / smallInLarge)
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
  const where = 'where bucket >= ? and bucket < ?'
  for (const segment of segments) {
    const range = [bucketOf(segment, from), bucketOf(segment, from + keysPerStep)]
    const further = bucketOf(large - segment, 0)
    statement(`insert into term select bucket + ?, attempt from term ${where}`).run(
      further,
      ...range,
    )
    statement(`delete from term ${where}`).run(...range)
  }
  return true
}

/** Attempts of whose keys nothing is known. */
export function forgetAttempts(statement: Statement, first: number, last: number): void {
  const segments = [first, last].flatMap((id) => [smallSegmentOf(id), largeSegmentOf(id)])
  for (const segment of new Set(segments))
    statement('delete from term where bucket >= ? and bucket < ? and attempt between ? and ?').run(
      bucketOf(segment, 0),
      bucketOf(segment + 1, 0),
      first,
      last,
    )
}

/** In SQL, those of `bucketsOf`, of one more key each. */
const bothOf = `((one.attempt >> ${smallBits}) << ${keyBits}) + ?, ((-1 - (one.attempt >> ${largeBits})) << ${keyBits}) + ?`

const rowsSql = 'from term as one where bucket = ? and attempt >= ?'

/** Of a key that so many times more attempts have, each one is looked up by itself. */
const manyTimes = 8

const placesFor = (values: readonly unknown[], place: string): string =>
  values.map(() => place).join(', ')

/** The index as it is now; for the time of a transaction. */
export class Segments {
  readonly #statement: Statement
  /** The first bucket of each, as JSON, the newest first. */
  readonly #starts: string
  readonly #mixed: number | undefined

  constructor(statement: Statement) {
    const { segments, mixed } = segmentsIn(statement)
    this.#statement = statement
    this.#starts = JSON.stringify(segments.map((segment) => bucketOf(segment, 0)))
    this.#mixed = mixed
  }

  /** How many attempts have the key, as far as it matters. */
  countOf(key: number, most: number): number {
    const sql = `select count(*) as count from
      (select 1 from json_each(?) as here cross join term
       on bucket = here.value + ? limit ?)`
    return Number(this.#statement(sql).get(this.#starts, key, most)?.['count'])
  }

  /** Attempts with one of these keys, the newest about first; of all together `most`. */
  withAny(keys: readonly number[], most: number): ReadonlySet<number> {
    const sql = `select attempt from json_each(?) as here cross join json_each(?) as wanted
      cross join term on bucket = here.value + wanted.value limit ?`
    const rows = this.#statement(sql).all(this.#starts, JSON.stringify(keys), most)
    return new Set(rows.map(({ attempt }) => Number(attempt)))
  }

  /** Attempts with this key, the newest first. */
  *newestFirst(key: number, { others, from, most }: Among): IterableIterator<number> {
    let left = most
    for (const bucket of this.#withKey(key, from)) {
      if (left <= 0) return
      const one: One = { bucket, from }
      const count = this.#countIn(one, most)
      for (const { attempt } of this.#rows(one, count, others)) yield Number(attempt)
      left -= count
    }
  }

  /** Buckets of segments in which there is one, the last first. */
  #withKey(key: number, from: number): readonly number[] {
    const sql = `select here.value as start from json_each(?) as here where exists
      (select 1 from term where bucket = here.value + ? and attempt >= ?)
      order by here.id`
    const rows = this.#statement(sql).all(this.#starts, key, from)
    return rows.map(({ start }) => Number(start) + key)
  }

  /** Read whole: others are read before this one has come to its end. */
  #rows(one: One, count: number, others: readonly (readonly number[])[]): readonly Row[] {
    const { bucket, from } = one
    const segment = segmentOf(bucket)
    const isMixed = this.#isMixed(segment)
    const most = manyTimes * count
    const inSegment = (keys: readonly number[]): number[] =>
      keys.map((key) => bucketOf(segment, key))
    const isSimilar = ([only = 0, ...more]: readonly number[]): boolean =>
      !isMixed &&
      more.length === 0 &&
      this.#countIn({ bucket: bucketOf(segment, only), from }, most + 1) <= most
    const { similar = [], looked = [] } = Object.groupBy(others, (keys) =>
      isSimilar(keys) ? 'similar' : 'looked',
    )
    const exists = looked.map(
      (keys) =>
        ` and exists (select 1 from term where bucket in (${placesFor(keys, isMixed ? bothOf : '?')}) and attempt = one.attempt)`,
    )
    // Both are in the order of time, so that SQLite reads them side by side.
    const intersect = similar.map(() => ` intersect select attempt ${rowsSql}`)
    const sql = `select attempt ${rowsSql}${exists.join('')}${intersect.join('')} order by attempt desc`
    const lookedUp = looked.flatMap((keys) =>
      isMixed ? keys.flatMap((key) => [key, key]) : inSegment(keys),
    )
    const values = similar.flatMap((keys) => [...inSegment(keys), from])
    return this.#statement(sql).all(bucket, from, ...lookedUp, ...values)
  }

  #isMixed(segment: number): boolean {
    const group = segment < 0 ? -1 - segment : Math.floor(segment / smallInLarge)
    return group === this.#mixed
  }

  #countIn({ bucket, from }: One, most: number): number {
    const sql = `select count(*) as count from (select 1 ${rowsSql} limit ?)`
    return Number(this.#statement(sql).get(bucket, from, most)?.['count'])
  }
}

/** Attempts of a segment with a key, from an id on. */
interface One {
  readonly bucket: number
  readonly from: number
}

type Row = ReturnType<StatementSync['all']>[number]
