/**
 * How many inputs a property is tried with (docs/testing.md). Each test says how many it is worth;
 * before a commit it is tried with fewer, so that nobody has to wait. Also read before every file
 * (vitest.config.ts), for the properties that do not say.
 *
 *   RCPTWISE_PROPERTY_RUNS   the most inputs of one property, in place of 100; CI takes all
 *   RCPTWISE_PROPERTY_SEED   the seed that a failure has told, to see it again
 */
import fc from 'fast-check'

const most = numberFrom('RCPTWISE_PROPERTY_RUNS') ?? 100
const seed = numberFrom('RCPTWISE_PROPERTY_SEED')

function numberFrom(name: string): number | undefined {
  const text = process.env[name]
  if (text === undefined || text === '') return undefined
  const number = Number(text)
  if (!Number.isInteger(number)) throw new Error(`${name} is ${text}, expected a whole number`)
  return number
}

/** So many inputs at the most; all of these where there is time. */
export const runs = (wanted: number): number => Math.max(1, Math.min(wanted, most))

fc.configureGlobal({ numRuns: runs(100), ...(seed === undefined ? {} : { seed }) })
