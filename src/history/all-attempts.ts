/** Every attempt of a history, in the order in which they were written, some at a time. */
import type { DatabaseSync } from 'node:sqlite'
import type { Attempt } from './attempt.ts'
import { attemptIn, unpacked } from './batch-text.ts'

/** Batches that are read at once. */
const batchesAtOnce = 16

/** @throws what SQLite throws. */
export function* allAttempts(database: DatabaseSync): Generator<readonly Attempt[]> {
  const batches = database.prepare('select id, packed from batch where id > ? order by id limit ?')
  for (let after = 0; ;) {
    const rows = batches.all(after, batchesAtOnce)
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows
      .flatMap((row) => unpacked(row['packed'] as Uint8Array) ?? [])
      .flatMap((line) => attemptIn(line) ?? [])
    after = Number(last['id'])
  }
}
