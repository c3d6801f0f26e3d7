/** What one question of a database may hold, whatever the database is. */

/** A query that gives more was not meant so, and they would be in memory all at once. */
export const mostRows = 100_000

export const tooManyRows = (): Error => new Error(`the query gives more than ${mostRows} rows`)

/**
 * Of one question; recipients beyond them are asked for in another one. A power of two, because
 * MySQL gets as many parameters as the next power has.
 */
export const mostKeys = 4096

/** MySQL counts the parameters of a statement in two octets. */
const mostParameters = 65_535

/** How often a query may name lists of keys. */
export const mostLists = Math.floor(mostParameters / mostKeys)
