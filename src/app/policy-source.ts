/**
 * The configured sources of policies: what each is opened with, and what lies around it while it is
 * open. A database is asked in time, its questions are told, and its answers are kept.
 */
import type { Config, DatabaseConfig, SourceConfig } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import { cached } from '../policy/cached.ts'
import { openPolicyFile } from '../policy/file-source.ts'
import { inTime } from '../policy/in-time.ts'
import type { PolicySource } from '../policy/policy-source.ts'
import { type Database, sqlSource } from '../policy/sql/sql-source.ts'
import { sqliteDatabase } from '../policy/sql/sqlite.ts'
import { timed } from '../policy/timed.ts'

export type PolicySourceSettings =
  | {
      readonly kind: 'file'
      readonly path: string
      /** Names of the policies that there are. */
      readonly policies: readonly string[]
    }
  | (Omit<DatabaseConfig, 'onFailure'> & {
      readonly onFailure: undefined
      readonly limitMs: number
    })

/** What a source tells, and the clock that it tells by. */
export interface PolicySurroundings {
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
}

export interface OpenPolicySource extends PolicySource {
  /** Looks at what it reads anew; rejects when that is wrong. */
  renew(): Promise<void>
  /** Where all is in memory. */
  readonly entries?: number
}

/**
 * What follows from its failure is not among its settings: that may change while it stays open.
 */
export function policySourceSettings(
  source: SourceConfig,
  { policies, timeouts }: Pick<Config, 'policies' | 'timeouts'>,
): PolicySourceSettings {
  if (source.kind === 'file') return { ...source, policies: [...policies.keys()] }
  return { ...source, onFailure: undefined, limitMs: timeouts.policyMs }
}

/**
 * Whoever opens it closes it. A database that is away is no reason to reject; a file that can't be
 * read is, and so is a query that can't be meant.
 */
export async function openPolicySource(
  settings: PolicySourceSettings,
  surroundings: PolicySurroundings,
): Promise<OpenPolicySource> {
  if (settings.kind !== 'file') return openDatabase(settings, surroundings)
  const { onFact, now } = surroundings
  const file = await openPolicyFile({ ...settings, onFact, clock: now })
  const { entries } = file
  return { ...timed(file, surroundings), entries, renew: async () => await file.reload() }
}

/** The limit comes first, so that the time of a late question is told, too. */
export const askedInTime = (
  source: PolicySource,
  limitMs: number,
  surroundings: PolicySurroundings,
): PolicySource => timed(inTime(source, limitMs), surroundings)

function openDatabase(
  settings: Exclude<PolicySourceSettings, { kind: 'file' }>,
  surroundings: PolicySurroundings,
): OpenPolicySource {
  const { keepMs, keepUnknownMs, serveStaleMs, cacheEntries, limitMs } = settings
  const { onFact, now } = surroundings
  const source = sqlSource(databaseOf(settings))
  const { name } = source
  const cache = cached(askedInTime(source, limitMs, surroundings), {
    foundMs: keepMs,
    unknownMs: keepUnknownMs,
    staleMs: serveStaleMs,
    mostRecipients: cacheEntries,
    onRecalled: ({ recipients, stale }) =>
      onFact({ kind: 'policiesRecalled', at: now(), source: name, recipients, stale }),
  })
  return {
    name,
    policiesFor: (recipients, signal): ReturnType<PolicySource['policiesFor']> =>
      cache.policiesFor(recipients, signal),
    close: async () => await cache.close(),
    async renew() {
      cache.renew()
      await Promise.resolve()
    },
  }
}

function databaseOf(settings: Exclude<PolicySourceSettings, { kind: 'file' }>): Database {
  try {
    return sqliteDatabase(settings)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`recipients.sources: ${settings.kind}: ${why}`, { cause: error })
  }
}
