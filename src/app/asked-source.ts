/**
 * The sources that are asked over a connection or in a thread: what each is opened with, and what
 * lies around it while it is open. It is asked in time, its questions are told, and its answers are
 * kept.
 */
import type {
  AskedConfig,
  Config,
  HttpSourceConfig,
  LdapConfig,
  ServerConfig,
} from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import { type CacheOptions, cached } from '../policy/cached.ts'
import type { HttpSettings } from '../policy/http/http-store.ts'
import { inTime } from '../policy/in-time.ts'
import { keyedSource, type Reading, type Store } from '../policy/keyed/keyed-source.ts'
import type { Answers, Source } from '../policy/policy-source.ts'
import type { ServerSettings } from '../policy/sql/server.ts'
import { sqlStore } from '../policy/sql/sql-store.ts'
import { sqliteDatabase, type SqliteSettings } from '../policy/sql/sqlite.ts'
import type { LdapSettings } from '../policy/ldap/ldap-store.ts'
import type { RedisSettings } from '../policy/redis/redis-store.ts'
import { type SocketmapSettings, socketmapStore } from '../policy/socketmap/socketmap-store.ts'
import { timed } from '../policy/timed.ts'
import { readAuthorities } from '../tls/authorities.ts'
import { passwordIn } from './password-file.ts'

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

export type AskedSettings = {
  readonly cache: Omit<CacheOptions, 'onRecalled' | 'clock'>
  readonly limitMs: number
} & (
  | { readonly kind: 'sqlite'; readonly server: SqliteSettings }
  | { readonly kind: 'postgres' | 'mysql'; readonly server: ServerSettings }
  | { readonly kind: 'http'; readonly server: HttpSettings }
  | { readonly kind: 'socketmap'; readonly server: SocketmapSettings }
  | { readonly kind: 'redis'; readonly server: RedisSettings }
  | { readonly kind: 'ldap'; readonly server: LdapSettings }
)

/** @throws Error when a file that is read once can't be read */
export function askedSettings(
  source: AskedConfig,
  { policyMs: limitMs }: Config['timeouts'],
): AskedSettings {
  const { keepMs, keepUnknownMs, serveStaleMs, cacheEntries } = source
  const common = {
    limitMs,
    cache: {
      foundMs: keepMs,
      unknownMs: keepUnknownMs,
      staleMs: serveStaleMs,
      mostRecipients: cacheEntries,
    },
  }
  switch (source.kind) {
    case 'sqlite': {
      const { kind, path, query } = source
      return { kind, server: { path, query }, ...common }
    }
    case 'socketmap': {
      const { kind, server, map, connections } = source
      return { kind, server: { server, map, connections }, ...common }
    }
    case 'ldap':
      return { kind: source.kind, server: ldapSettings(source, limitMs), ...common }
    case 'redis': {
      const { kind, url, layout, valueSizeBytes: valueBytes } = source
      const ca = source.ca === undefined ? {} : { ca: authoritiesIn(source.ca) }
      return { kind, server: { url, ...ca, layout, limitMs, valueBytes }, ...common }
    }
    case 'http':
      return { kind: source.kind, server: httpSettings(source), ...common }
    case 'postgres':
    case 'mysql':
      return { kind: source.kind, server: serverSettings(source, limitMs), ...common }
  }
}

/** @throws Error for a file that holds no certificate */
const authoritiesIn = (file: string): string => readAuthorities(file, 'ca').join('')

function serverSettings(source: ServerConfig, limitMs: number): ServerSettings {
  const { host, port, database, user, passwordFile, tls, ca, connections, query } = source
  return {
    ...{ host, port, database, user, connections, query, limitMs },
    ...(passwordFile !== undefined && { password: passwordIn(passwordFile) }),
    ...(tls && { tls: { ca: ca === undefined ? '' : authoritiesIn(ca) } }),
  }
}

function httpSettings(source: HttpSourceConfig): HttpSettings {
  const { server, tokenFile, ca, connections, answerSizeBytes: answerLimitBytes } = source
  return {
    ...{ server, connections, answerLimitBytes },
    ...(tokenFile !== undefined && { token: passwordIn(tokenFile) }),
    ...(ca !== undefined && { ca: authoritiesIn(ca) }),
  }
}

function ldapSettings(source: LdapConfig, limitMs: number): LdapSettings {
  const { url, startTls, base, scope, filter, keyAttributes, attributes, ca, bind } = source
  return {
    ...{ url, startTls, base, scope, filter, keyAttributes, attributes, limitMs },
    ...(ca !== undefined && { ca: authoritiesIn(ca) }),
    ...(bind === 'external' && { bind }),
    ...(typeof bind === 'object' && {
      bind: { dn: bind.dn, password: passwordIn(bind.passwordFile) },
    }),
  }
}

/** The limit comes first, so that the time of a late question is told, too. */
export const askedInTime = <Found>(
  source: Source<Found>,
  limitMs: number,
  surroundings: PolicySurroundings,
): Source<Found> => timed(inTime(source, limitMs), surroundings)

/** Whoever opens it closes it. It rejects for what can't be meant, not where a server is away. */
export async function openAsked<Found extends { readonly kind: string }>(
  settings: AskedSettings,
  reading: Reading<Found>,
  surroundings: PolicySurroundings,
): Promise<OpenSource<Found>> {
  const { onFact, now } = surroundings
  const source = keyedSource(await storeOf(settings, reading), reading)
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

/**
 * The driver of a server is loaded only where there is such a server; of HTTP, too: with Node's
 * client comes all of its fetch.
 */
async function storeOf(settings: AskedSettings, reading: Reading<unknown>): Promise<Store> {
  switch (settings.kind) {
    case 'sqlite':
      return sqlStore(sqliteDatabase(settings.server), reading)
    case 'http': {
      const { httpStore } = await import('../policy/http/http-store.ts')
      return httpStore(settings.server, reading)
    }
    case 'socketmap':
      return socketmapStore(settings.server, reading)
    case 'ldap': {
      const { ldapStore } = await import('../policy/ldap/ldap-store.ts')
      return ldapStore(settings.server)
    }
    case 'redis': {
      const { redisStore } = await import('../policy/redis/redis-store.ts')
      return redisStore(settings.server, reading)
    }
    case 'postgres': {
      const { postgresDatabase } = await import('../policy/sql/postgres.ts')
      return sqlStore(postgresDatabase(settings.server), reading)
    }
    case 'mysql': {
      const { mysqlDatabase } = await import('../policy/sql/mysql.ts')
      return sqlStore(mysqlDatabase(settings.server), reading)
    }
  }
}
