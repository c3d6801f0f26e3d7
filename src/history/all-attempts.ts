/** Every attempt of a history, in the order in which they were written, some at a time. */
import type { DatabaseSync } from 'node:sqlite'
import type { Attempt } from './attempt.ts'
import { attemptIn } from './rows.ts'

/** Attempts that are read at once. */
const attemptsAtOnce = 500

/** @throws what SQLite throws. */
export function* allAttempts(database: DatabaseSync): Generator<readonly Attempt[]> {
  const attempts = database.prepare('select * from attempt where id > ? order by id limit ?')
  const recipients = database.prepare(
    'select * from recipient where attempt between ? and ? order by attempt, n',
  )
  for (let after = 0; ;) {
    const rows = attempts.all(after, attemptsAtOnce)
    const [first, last] = [rows[0]?.['id'], rows.at(-1)?.['id']]
    if (first === undefined || last === undefined) return
    const of = Map.groupBy(recipients.all(first, last), ({ attempt }) => attempt)
    yield rows.map((row) => attemptIn(row, of.get(row['id'] ?? null) ?? []))
    after = Number(last)
  }
}
