/**
 * Answers a question: the condition that holds of the fewest attempts leads, and the others are
 * looked up for each of them. With each attempt come the others of its message.
 */
import type { AddressKeeper, AddressMode } from './addresses.ts'
import type { Attempt } from './attempt.ts'
import { type Answer, type Condition, conditionsOf, type Question } from './question.ts'
import type { Segments } from './segments.ts'
import type { HistoryStore } from './store.ts'
import { hasTerm, keyOf, type Term } from './terms.ts'

/** Attempts with one key that are looked at for one question; more are not counted, either. */
const mostLookedAt = 100_000
/** Other attempts that are looked at, beside those that were found, which have two keys at most. */
const mostOthers = 500
/** Several processes write: ids rise with time but for so long. */
const disorderMs = 60_000

export interface SearchOptions {
  readonly keeper: AddressKeeper
  readonly mode: AddressMode
}

export const search = (store: HistoryStore, question: Question, options: SearchOptions): Answer =>
  store.reading((terms) => answer({ store, terms }, question, options))

interface Read {
  readonly store: HistoryStore
  readonly terms: Segments
}

function answer(read: Read, question: Question, { keeper, mode }: SearchOptions): Answer {
  const { store } = read
  const { since = 0, limit, address } = question
  const { found, more } = find(read, conditionsOf(question, keeper), { since, limit })
  const attempts = withOthers(read, found).sort((a, b) => a.at - b.at)
  const splits = new Set(attempts.flatMap(({ split }) => split ?? []))
  const keptSince = store.keptSince()
  return {
    attempts,
    closings: [...splits].flatMap((split) => store.closingsOf(split)),
    gaps: store.gapsSince(since),
    more,
    addresses: mode,
    asked: address === undefined ? [] : keeper.forms(address),
    ...(keptSince !== undefined && { keptSince }),
  }
}

interface Bounds {
  readonly since: number
  readonly limit: number
}

function find(
  { store, terms: index }: Read,
  conditions: readonly Condition[],
  { since, limit }: Bounds,
): { readonly found: ReadonlyMap<number, Attempt>; readonly more: boolean } {
  const found = new Map<number, Attempt>()
  const [lead, ...others] = byCount({ store, terms: index }, conditions)
  if (lead === undefined) return { found, more: false }
  const from = store.firstIdSince(since - disorderMs)
  const among = { others: others.map(({ keys }) => keys), from, most: mostLookedAt }
  for (const id of merged(lead.keys.map((key) => index.newestFirst(key, among)))) {
    const attempt = store.attempt(id)
    if (attempt === undefined || attempt.at < since) continue
    if (!conditions.every((terms) => terms.some((term) => hasTerm(attempt, term)))) continue
    if (found.size === limit) return { found, more: true }
    found.set(id, attempt)
  }
  return { found, more: others.length > 0 && lead.count > mostLookedAt }
}

interface Counted {
  /** Those that any attempt has. */
  readonly keys: readonly number[]
  readonly count: number
}

/** The one with the fewest attempts first. */
function byCount(
  { store, terms: index }: Read,
  conditions: readonly Condition[],
): readonly Counted[] {
  return conditions
    .map((terms): Counted => {
      const keys = terms.map((term) => keyOf(term, store.seed))
      const counts = keys.map((key) => index.countOf(key, mostLookedAt + 1))
      return {
        keys: keys.filter((_key, i) => counts[i] !== 0),
        count: counts.reduce((sum, count) => sum + count, 0),
      }
    })
    .sort((a, b) => a.count - b.count)
}

/** Several falling rows of numbers as one, each number once. */
export function* merged(rows: readonly IterableIterator<number>[]): IterableIterator<number> {
  try {
    const heads = rows.map((row) => ({ row, next: row.next() }))
    for (;;) {
      const left = heads.filter(({ next }) => next.done !== true)
      if (left.length === 0) return
      const highest = Math.max(...left.map(({ next }) => Number(next.value)))
      for (const head of left) if (head.next.value === highest) head.next = head.row.next()
      yield highest
    }
  } finally {
    for (const row of rows) row.return?.()
  }
}

const newestFirst = (id: number, other: number): number => other - id

/** Of the same split, or with the same Message-ID from the same sender. */
function withOthers({ store, terms: index }: Read, found: ReadonlyMap<number, Attempt>): Attempt[] {
  const all = new Map(found)
  const keys = new Set(
    [...found.values()].flatMap(ofMessage).map((term) => keyOf(term, store.seed)),
  )
  const bySplit = Map.groupBy(found.values(), ({ split }) => split)
  const byMessageId = Map.groupBy(found.values(), ({ messageId }) => messageId)
  // In the order of ids, so that each batch is read once.
  for (const id of [...index.withAny([...keys], 2 * found.size + mostOthers)].sort(newestFirst)) {
    if (all.has(id)) continue
    const other = store.attempt(id)
    if (other === undefined) continue
    const alike = [...(bySplit.get(other.split) ?? []), ...(byMessageId.get(other.messageId) ?? [])]
    if (alike.some((one) => isSameMessage(one, other))) all.set(id, other)
  }
  return [...all.values()]
}

function ofMessage({ split, messageId }: Attempt): readonly Term[] {
  return [
    ...(split === undefined ? [] : [{ kind: 'split', value: split } as const]),
    ...(messageId === undefined ? [] : [{ kind: 'messageId', value: messageId } as const]),
  ]
}

export const isSameMessage = (one: Attempt, other: Attempt): boolean =>
  (one.split !== undefined && one.split === other.split) ||
  (one.messageId !== undefined &&
    one.messageId === other.messageId &&
    one.reversePath === other.reversePath)
