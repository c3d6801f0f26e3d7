/**
 * From the keys of `recipients.sources` and `recipients.aliases` to what sources are opened with.
 */
import { parseQuery } from '../policy/sql/query.ts'
import type {
  AskedSourceConfig,
  FileSourceConfig,
  HttpSourceConfig,
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
    const source = sourceOf(entry, place)
    return source === undefined ? [] : [source]
  })
}

const kinds = 'file, postgres, mysql, sqlite, http, texthash, regexp, socketmap'

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
  { file, texthash, regexp, postgres, mysql, sqlite, http, socketmap }: Entry,
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
