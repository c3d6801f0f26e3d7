/** What one question of a database may hold, whatever the database is. */
import { mostKeys } from '../keyed/bounds.ts'

/** A query that gives more was not meant so, and they would be in memory all at once. */
export const mostRows = 100_000

export const tooManyRows = (): Error => new Error(`the query gives more than ${mostRows} rows`)

/** MySQL counts the parameters of a statement in two octets. */
const mostParameters = 65_535

/** How often a query may name lists of keys. */
export const mostLists = Math.floor(mostParameters / mostKeys)
