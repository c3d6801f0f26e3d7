/** What was learned of senders, as rows of one database. Synchronous; throws what SQLite throws. */
import type { DatabaseSync } from 'node:sqlite'
import type { StoredSender } from '../sender-memory.ts'
import { applyChange, type SenderChange } from '../senders.ts'
import { recordOf } from '../stored-sender.ts'

/** Rows in one call: what fits well into a millisecond. */
const rowsPerCall = 200

/** Rows beyond the bound that one call removes. */
const removedPerCall = 100

export class SenderTable {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /**
   * Adds the changes in one transaction, and gives the rows as they then are. A forgotten name
   * keeps an empty row, for others to see.
   */
  write(changes: readonly SenderChange[], most: number): StoredSender[] {
    const database = this.#database
    database.exec('begin immediate')
    try {
      const read = database.prepare('select body from sender where name = ?')
      const put = database.prepare(
        `insert or replace into sender values (?, (select coalesce(max(changed), 0) + 1 from sender), ?, ?)`,
      )
      const rows = changes.map((change): StoredSender => {
        const record = applyChange(recordOf(read.get(change.name)?.['body']), change)
        put.run(
          change.name,
          record?.pin === undefined ? 0 : 1,
          record === undefined ? '' : JSON.stringify(record),
        )
        return record === undefined ? { name: change.name } : { name: change.name, record }
      })
      const excess =
        Number(database.prepare('select count(*) as n from sender').get()?.['n']) - most
      if (excess > 0) {
        database
          .prepare(
            'delete from sender where name in (select name from sender where pinned = 0 order by changed limit ?)',
          )
          .run(Math.min(excess, removedPerCall))
      }
      database.exec('commit')
      return rows
    } catch (error) {
      if (database.isTransaction) database.exec('rollback')
      throw error
    }
  }

  /**
   * What was changed after `place`, a piece of it. `anew` when the table has not got so far: it is
   * another one.
   */
  since(place: number): { rows: StoredSender[]; place: number; anew: boolean } {
    const last = Number(
      this.#database.prepare('select coalesce(max(changed), 0) as n from sender').get()?.['n'],
    )
    const anew = last < place
    const found = this.#database
      .prepare('select name, changed, body from sender where changed > ? order by changed limit ?')
      .all(anew ? 0 : place, rowsPerCall)
    const rows = found.map(({ name, body }): StoredSender => {
      const record = recordOf(body)
      return record === undefined ? { name: String(name) } : { name: String(name), record }
    })
    return { rows, place: Number(found.at(-1)?.['changed'] ?? (anew ? 0 : place)), anew }
  }
}
