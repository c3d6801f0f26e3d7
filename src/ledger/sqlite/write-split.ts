/**
 * Writing one split through calls that each fit into a millisecond, whatever the number of its
 * recipients.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { rowState, type SplitRow } from '../stored-split.ts'
import { membersPerCall, type SplitStore, type UpdateResult } from './statements.ts'

/**
 * Makes one call on a store. A store that is busy is asked again, and the result is then a promise.
 * @throws StoreReplacedError when another store has taken its place: what was begun has to be begun
 * again.
 */
export type StoreCall = <T>(call: (store: SplitStore) => T) => T | Promise<T>

/** The calls of one write have to reach one store. */
export class StoreReplacedError extends Error {
  override readonly name = 'StoreReplacedError'
}

/**
 * Writes `row` over version `prior`, 0 for a split that is new; false when another version is
 * stored. Visible at once or not at all: the index rows of a split with many recipients are written
 * before it.
 */
export function writeSplit(
  on: StoreCall,
  row: SplitRow,
  prior: number,
  now: number,
): boolean | Promise<boolean> {
  const many = row.state === rowState.open && row.recipients.length > membersPerCall
  if (prior === 0) return many ? insertInPieces(on, row, now) : on((store) => store.insert(row))
  const result = on((store) => store.update(row, { prior, membersWritten: false }))
  const leavesMembers = row.state === rowState.closed && row.recipients.length > membersPerCall
  if (result === 'stale' || (result === 'saved' && !leavesMembers)) return result === 'saved'
  return finishUpdate(on, row, prior, result)
}

async function insertInPieces(on: StoreCall, row: SplitRow, now: number): Promise<boolean> {
  const seq = await on((store) => store.reserve(row, now))
  if (seq === undefined) return false
  await addMembers(on, seq, row)
  await nextTurn()
  return await on((store) => store.publish(seq, row))
}

async function finishUpdate(
  on: StoreCall,
  row: SplitRow,
  prior: number,
  first: UpdateResult | Promise<UpdateResult>,
): Promise<boolean> {
  const result = await first
  if (result === 'stale') return false
  if (result === 'saved') {
    if (row.state === rowState.closed) await removeMembers(on, row)
    return true
  }
  const seq = await on((store) => store.seqOf(row.id))
  if (seq === undefined) return false
  await addMembers(on, seq, row)
  await nextTurn()
  return (await on((store) => store.update(row, { prior, membersWritten: true }))) === 'saved'
}

/**
 * The split is closed already, so nothing that happens here changes the answer; `forget` removes
 * what is left.
 */
async function removeMembers(on: StoreCall, row: SplitRow): Promise<void> {
  try {
    const seq = await on((store) => store.seqOf(row.id))
    if (seq !== undefined) while (!(await on((store) => store.removeMembers(seq)))) await nextTurn()
  } catch (error) {
    if (!(error instanceof StoreReplacedError)) throw error
  }
}

async function addMembers(on: StoreCall, seq: number, row: SplitRow): Promise<void> {
  for (let from = 0; from < row.recipients.length; from += membersPerCall) {
    await nextTurn()
    const piece = row.recipients.slice(from, from + membersPerCall)
    await on((store) => {
      store.addMembers(seq, row.reversePath, piece)
    })
  }
}

/** Removes a split with all its index rows. */
export async function removeSplit(on: StoreCall, seq: number, now: number): Promise<void> {
  while (!(await on((store) => store.remove(seq, now)))) await nextTurn()
}
