/** Open splits and overrides, taken from one store to another in pieces. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { sqliteTrouble } from './error.ts'
import { toRow } from '../stored-split.ts'
import type { Cursor, SplitStore } from './statements.ts'
import { writeSplit, type StoreCall } from './write-split.ts'
import type { Split } from '../../split/split.ts'

/** Rows written in one turn of the event loop. */
const rowsPerTurn = 8

/** A file that is busy for longer is tried again later. */
const busyPatienceMs = 2000

/**
 * Reads what can be read of `from`, a file in trouble, into memory, and says which file it was;
 * undefined when not even that can be read. Never rejects.
 */
export async function copyOpen(
  from: SplitStore,
  memory: SplitStore,
  now: number,
): Promise<string | undefined> {
  const identity = readable(() => from.identity())
  for (const override of readable(() => from.overrides.read(now)) ?? [])
    memory.overrides.set(override)
  let after: Cursor | undefined
  do {
    const page = readable(() => from.open(after))
    for (const [index, split] of (page?.splits ?? []).entries()) {
      await writeSplit((call) => call(memory), toRow(split), 0, now)
      if (index % rowsPerTurn === 0) await nextTurn()
    }
    after = page?.next
    await nextTurn()
  } while (after !== undefined)
  memory.written?.clear()
  memory.overrides.written?.clear()
  return identity
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

export interface WriteBack {
  readonly from: SplitStore
  readonly to: SplitStore
  /** Of the file that `from` was once read from; into any other file everything is written. */
  readonly knownIdentity: string | undefined
  /** ms since the epoch. */
  readonly clock: () => number
}

/**
 * Writes what changed in memory into the file, while memory goes on changing; of two versions the
 * newer one stays. When it is done nothing is left, and no turn of the event loop has passed since.
 * Rejects with what SQLite throws.
 */
export async function writeBack({ from, to, knownIdentity, clock }: WriteBack): Promise<void> {
  const splits = from.written ?? new Set<string>()
  const peers = from.overrides.written ?? new Set<string>()
  const on = patiently(to)
  if ((await on((store) => store.identity())) !== knownIdentity)
    await markAll(from, { splits, peers, now: clock() })
  let turn = 0
  while (splits.size > 0 || peers.size > 0) {
    for (const peer of peers) {
      peers.delete(peer)
      const override = from.overrides.read(clock()).find((candidate) => candidate.peer === peer)
      await orKeep(
        peers,
        peer,
        async () =>
          await on((store) => {
            if (override === undefined) store.overrides.reset(peer)
            else store.overrides.set(override)
          }),
      )
    }
    for (const id of splits) {
      splits.delete(id)
      const split = from.find(id)?.split
      if (split !== undefined)
        await orKeep(splits, id, async () => {
          await restore(on, split, clock())
        })
      if (++turn % rowsPerTurn === 0) await nextTurn()
    }
  }
}

async function markAll(
  from: SplitStore,
  {
    splits,
    peers,
    now,
  }: { readonly splits: Set<string>; readonly peers: Set<string>; readonly now: number },
): Promise<void> {
  for (const { peer } of from.overrides.read(now)) peers.add(peer)
  let after: Cursor | undefined
  do {
    const page = from.open(after)
    for (const split of page.splits) splits.add(split.id)
    after = page.next
    await nextTurn()
  } while (after !== undefined)
}

/** What could not be written is still to be written. */
async function orKeep(
  pending: Set<string>,
  key: string,
  write: () => Promise<void>,
): Promise<void> {
  try {
    await write()
  } catch (error) {
    pending.add(key)
    throw error
  }
}

async function restore(on: StoreCall, split: Split, now: number): Promise<void> {
  const stored = await on((store) => store.find(split.id)?.version)
  if (stored !== undefined && stored >= split.version) return
  await writeSplit(on, toRow(split), stored ?? 0, now)
}

/** Calls on a file that others may be writing to. */
function patiently(store: SplitStore): StoreCall {
  const again = async <T>(call: (store: SplitStore) => T, firstError: unknown): Promise<T> => {
    const until = performance.now() + busyPatienceMs
    for (let error = firstError; ;) {
      if (sqliteTrouble(error) !== 'busy' || performance.now() > until) throw error
      await sleep(5)
      try {
        return call(store)
      } catch (next) {
        error = next
      }
    }
  }
  return <T>(call: (store: SplitStore) => T): T | Promise<T> => {
    try {
      return call(store)
    } catch (error) {
      return again(call, error)
    }
  }
}
