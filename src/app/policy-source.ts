/**
 * The configured sources of policies: what each is opened with, and what lies around it while it is
 * open. A database is asked in time, its questions are told, and its answers are kept.
 */
import { readFileSync } from 'node:fs'
import type { Config, DatabaseConfig, ServerConfig, SourceConfig } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import { type CacheOptions, cached } from '../policy/cached.ts'
import { type LinesFile, openPolicyFile } from '../policy/file-source.ts'
import { inTime } from '../policy/in-time.ts'
import type { Answers, PolicySource, RawPolicy, Source } from '../policy/policy-source.ts'
import type { ServerSettings } from '../policy/sql/server.ts'
import { type Database, sqlSource } from '../policy/sql/sql-source.ts'
import { sqliteDatabase, type SqliteSettings } from '../policy/sql/sqlite.ts'
import { timed } from '../policy/timed.ts'
import { passwordIn } from './password-file.ts'

export type PolicySourceSettings =
  | {
      readonly kind: 'file'
      readonly path: string
      /** Names of the policies that there are. */
      readonly policies: readonly string[]
    }
  | DatabaseSettings

export type DatabaseSettings = {
  readonly cache: Omit<CacheOptions, 'onRecalled' | 'clock'>
  readonly limitMs: number
} & (
  | { readonly kind: 'sqlite'; readonly server: SqliteSettings }
  | { readonly kind: 'postgres' | 'mysql'; readonly server: ServerSettings }
)

/** What a source tells, and the clock that it tells by. */
export interface PolicySurroundings {
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
}

/** What is leased, of policies or of aliases. */
export interface OpenSource<Found> extends Source<Found> {
  /** Looks at what it reads anew; rejects when that is wrong. */
  renew(): Promise<void>
  /** Where all is in memory. */
  readonly entries?: number
}

/** As log and metrics name it; the same as that of the open source. */
export const sourceName = (source: SourceConfig): string =>
  source.kind === 'file' || source.kind === 'sqlite'
    ? `${source.kind}:${source.path}`
    : `${source.kind}:${source.database}@${source.host}`

export type OpenPolicySource = PolicySource & OpenSource<RawPolicy>

/**
 * What follows from its failure is not among its settings: that may change while it stays open.
 * Files that are read once are among them with what stands in them.
 * @throws Error when such a file can't be read
 */
export function policySourceSettings(
  source: SourceConfig,
  { policies, timeouts }: Pick<Config, 'policies' | 'timeouts'>,
): PolicySourceSettings {
  return source.kind === 'file'
    ? { ...source, policies: [...policies.keys()] }
    : databaseSettings(source, timeouts)
}

/** @throws Error when a file that is read once can't be read */
export function databaseSettings(
  source: DatabaseConfig,
  timeouts: Config['timeouts'],
): DatabaseSettings {
  const { keepMs, keepUnknownMs, serveStaleMs, cacheEntries } = source
  const limitMs = timeouts.policyMs
  const common = {
    limitMs,
    cache: {
      foundMs: keepMs,
      unknownMs: keepUnknownMs,
      staleMs: serveStaleMs,
      mostRecipients: cacheEntries,
    },
  }
  if (source.kind === 'sqlite') {
    const { kind, path, query } = source
    return { kind, server: { path, query }, ...common }
  }
  return { kind: source.kind, server: serverSettings(source, limitMs), ...common }
}

function serverSettings(source: ServerConfig, limitMs: number): ServerSettings {
  const { host, port, database, user, passwordFile, tls, ca, connections, query } = source
  return {
    ...{ host, port, database, user, connections, query, limitMs },
    ...(passwordFile !== undefined && { password: passwordIn(passwordFile) }),
    ...(tls && { tls: { ca: ca === undefined ? '' : readFileSync(ca, 'utf8') } }),
  }
}

/**
 * Whoever opens it closes it. A database that is away is no reason to reject; a file that can't be
 * read is, and so is a query that can't be meant.
 */
export async function openPolicySource(
  settings: PolicySourceSettings,
  surroundings: PolicySurroundings,
): Promise<OpenPolicySource> {
  if (settings.kind !== 'file') return await openDatabase(settings, sqlSource, surroundings)
  const { onFact, now } = surroundings
  return opened(await openPolicyFile({ ...settings, onFact, clock: now }), surroundings)
}

export const opened = <Found>(
  file: LinesFile<Found>,
  surroundings: PolicySurroundings,
): OpenSource<Found> => ({
  ...timed(file, surroundings),
  entries: file.entries,
  renew: async () => await file.reload(),
})

/** The limit comes first, so that the time of a late question is told, too. */
export const askedInTime = <Found>(
  source: Source<Found>,
  limitMs: number,
  surroundings: PolicySurroundings,
): Source<Found> => timed(inTime(source, limitMs), surroundings)

/** `asked`: what its rows are read as. */
export async function openDatabase<Found extends { readonly kind: string }>(
  settings: DatabaseSettings,
  asked: (database: Database) => Source<Found>,
  surroundings: PolicySurroundings,
): Promise<OpenSource<Found>> {
  const { onFact, now } = surroundings
  const source = asked(await databaseOf(settings))
  const { name } = source
  const cache = cached(askedInTime(source, settings.limitMs, surroundings), {
    ...settings.cache,
    onRecalled: ({ recipients, stale }) =>
      onFact({ kind: 'policiesRecalled', at: now(), source: name, recipients, stale }),
  })
  return {
    name,
    policiesFor: (recipients, signal): Answers<Found> => cache.policiesFor(recipients, signal),
    close: async () => await cache.close(),
    async renew() {
      cache.renew()
      await Promise.resolve()
    },
  }
}

/** The driver of a server is loaded only where there is such a server. */
async function databaseOf(settings: DatabaseSettings): Promise<Database> {
  switch (settings.kind) {
    case 'sqlite':
      return sqliteDatabase(settings.server)
    case 'postgres': {
      const { postgresDatabase } = await import('../policy/sql/postgres.ts')
      return postgresDatabase(settings.server)
    }
    case 'mysql': {
      const { mysqlDatabase } = await import('../policy/sql/mysql.ts')
      return mysqlDatabase(settings.server)
    }
  }
}
