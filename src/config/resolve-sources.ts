/**
 * From the keys of `recipients.sources` and `recipients.aliases` to what sources are opened with.
 */
import { isIP } from 'node:net'
import { checkAliasColumns } from '../policy/keyed/found-aliases.ts'
import { checkPolicyColumns } from '../policy/keyed/found-entries.ts'
import { filterMistake } from '../policy/ldap/filter.ts'
import { parseQuery } from '../policy/sql/query.ts'
import type {
  AskedSourceConfig,
  FileSourceConfig,
  HttpSourceConfig,
  LdapConfig,
  RedisSourceConfig,
  ServerConfig,
  SourceConfig,
} from './config.ts'
import type { Report } from './report.ts'
import type { Settings } from './schema.ts'

type Entry = Settings['recipients']['sources'][number]

interface Resolving {
  /** Of `recipients`. */
  readonly key: 'sources' | 'aliases'
  /** A file that is named in the configuration. */
  readonly place: (path: string) => string
  readonly report: Report
}

export function resolveSources(
  entries: readonly Entry[],
  { key: list, place, report }: Resolving,
): readonly SourceConfig[] {
  return entries.flatMap((entry, i): SourceConfig[] => {
    const [first, ...others] = Object.keys(entry)
    if (first === undefined)
      report(['recipients', list, i], `names no source, expected one of ${kinds}`)
    for (const other of others) {
      const why = `there is already ${first ?? ''}; make it an entry of its own`
      report(['recipients', list, i, other], why)
    }
    checkQuery(entry, (key, why) => report(['recipients', list, i, ...key], why))
    for (const [kind, one] of Object.entries({ postgres: entry.postgres, mysql: entry.mysql }))
      if (one?.tls === true && isIP(one.host) !== 0)
        report(['recipients', list, i, kind, 'host'], nameForTls(one.host))
    if (entry.redis !== undefined)
      reportLayout(entry.redis, (key, why) => report(['recipients', list, i, 'redis', ...key], why))
    if (entry.ldap !== undefined)
      reportLdap(entry.ldap, list, (key, why) =>
        report(['recipients', list, i, 'ldap', ...key], why),
      )
    const source = sourceOf(entry, place)
    return source === undefined ? [] : [source]
  })
}

const kinds = 'file, postgres, mysql, sqlite, http, texthash, regexp, socketmap, redis, ldap'

/** Drivers compare a certificate with a name alone. */
const nameForTls = (host: string): string =>
  `got ${host}, expected a name that stands in its certificate, because of tls`

function checkQuery(
  { postgres, mysql, sqlite }: Entry,
  report: (key: readonly string[], why: string) => void,
): void {
  for (const [kind, entry] of Object.entries({ postgres, mysql, sqlite }))
    try {
      if (entry !== undefined) parseQuery(entry.query)
    } catch (error) {
      report([kind, 'query'], error instanceof Error ? error.message : String(error))
    }
}

function sourceOf(
  { file, texthash, regexp, postgres, mysql, sqlite, http, socketmap, redis, ldap }: Entry,
  place: Resolving['place'],
): SourceConfig | undefined {
  for (const [kind, path] of Object.entries({ file, texthash, regexp }))
    if (path !== undefined) return { kind: kind as FileSourceConfig['kind'], path: place(path) }
  if (socketmap !== undefined) {
    const { server: where, map, connections } = socketmap
    return { kind: 'socketmap', server: where, map, connections, ...asked(socketmap) }
  }
  if (postgres !== undefined) return { kind: 'postgres', ...server(postgres, place) }
  if (mysql !== undefined) return { kind: 'mysql', ...server(mysql, place) }
  if (http !== undefined) return httpSource(http, place)
  if (redis !== undefined) return redisSource(redis, place)
  if (ldap !== undefined) return ldapSource(ldap, place)
  if (sqlite === undefined) return undefined
  return { kind: 'sqlite', path: place(sqlite.path), query: sqlite.query, ...asked(sqlite) }
}

function server(
  entry: NonNullable<Entry['postgres']>,
  place: Resolving['place'],
): Omit<ServerConfig, 'kind'> {
  const { host, port, database, user, tls, connections, query } = entry
  return {
    ...{ host, port, database, user, tls, connections, query },
    ...(entry.password_file !== undefined && { passwordFile: place(entry.password_file) }),
    ...(entry.ca !== undefined && { ca: place(entry.ca) }),
    ...asked(entry),
  }
}

function httpSource(
  entry: NonNullable<Entry['http']>,
  place: Resolving['place'],
): HttpSourceConfig {
  return {
    kind: 'http',
    server: entry.url,
    ...(entry.token_file !== undefined && { tokenFile: place(entry.token_file) }),
    ...(entry.ca !== undefined && { ca: place(entry.ca) }),
    connections: entry.connections,
    answerSizeBytes: entry.answer_size,
    ...asked(entry),
  }
}

type LdapEntry = NonNullable<Entry['ldap']>

function ldapSource(entry: LdapEntry, place: Resolving['place']): LdapConfig {
  const { url, start_tls: startTls, base, scope, filter, attributes } = entry
  const { bind_dn: dn, password_file: file, sasl } = entry
  return {
    kind: 'ldap',
    ...{ url, startTls, base, scope, filter, attributes, keyAttributes: entry.recipient },
    ...(entry.ca !== undefined && { ca: place(entry.ca) }),
    ...(sasl !== undefined && { bind: sasl }),
    ...(dn !== undefined && file !== undefined && { bind: { dn, passwordFile: place(file) } }),
    ...asked(entry),
  }
}

function reportLdap(
  entry: LdapEntry,
  list: Resolving['key'],
  report: (key: readonly string[], why: string) => void,
): void {
  const why = filterMistake(entry.filter)
  if (why !== undefined) report(['filter'], why)
  if (entry.bind_dn !== undefined && entry.password_file === undefined)
    report(['bind_dn'], 'needs a password_file beside it')
  if (entry.bind_dn === undefined && entry.password_file !== undefined)
    report(['password_file'], 'needs a bind_dn beside it')
  if (entry.start_tls && !entry.url.startsWith('ldap:'))
    report(['start_tls'], 'is for ldap://; leave it out')
  if (entry.sasl !== undefined && !entry.url.startsWith('ldapi:'))
    report(['sasl'], 'is for ldapi://; leave it out')
  if (entry.sasl !== undefined && entry.bind_dn !== undefined)
    report(['sasl'], 'says who Rcptwise is, and so does bind_dn; leave one of them out')
  const check = list === 'aliases' ? checkAliasColumns : checkPolicyColumns
  try {
    check(['recipient', ...Object.keys(entry.attributes)])
  } catch (error) {
    const odd = error instanceof Error ? error.message.replace('the query has', 'has') : ''
    report(['attributes'], odd)
  }
}

type RedisEntry = NonNullable<Entry['redis']>

function redisSource(entry: RedisEntry, place: Resolving['place']): RedisSourceConfig | undefined {
  const { url, strings, hash, hashes, value_size: valueSizeBytes } = entry
  const ca = entry.ca === undefined ? {} : { ca: place(entry.ca) }
  const common = { kind: 'redis', url, ...ca, valueSizeBytes, ...asked(entry) } as const
  if (hash !== undefined) return { ...common, layout: { kind: 'hash', name: hash } }
  const prefix = strings ?? hashes
  if (prefix === undefined) return undefined
  return { ...common, layout: { kind: strings === undefined ? 'hashes' : 'strings', prefix } }
}

function reportLayout(
  { strings, hash, hashes, url, ca }: RedisEntry,
  report: (key: readonly string[], why: string) => void,
): void {
  if (ca !== undefined && !url.startsWith('rediss:'))
    report(['ca'], 'is only for rediss://, which is TLS; write that, or leave it out')
  const named = Object.entries({ strings, hash, hashes }).filter(([, one]) => one !== undefined)
  const [, second] = named
  if (named.length === 0) report([], 'says not where the entries are; add strings, hash or hashes')
  if (second !== undefined)
    report([second[0]], 'is another place for the entries; make it an entry of its own')
}

type AskedEntry = Pick<
  NonNullable<Entry['sqlite']>,
  'keep' | 'keep_unknown' | 'serve_stale' | 'cache_entries' | 'on_failure'
>

const asked = ({ on_failure: onFailure, ...entry }: AskedEntry): AskedSourceConfig => ({
  keepMs: entry.keep,
  keepUnknownMs: entry.keep_unknown,
  serveStaleMs: entry.serve_stale,
  cacheEntries: entry.cache_entries,
  ...(onFailure !== undefined && { onFailure }),
})
