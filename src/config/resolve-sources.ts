/** From the keys of `recipients.sources` to what sources are opened with. */
import { parseQuery } from '../policy/sql/query.ts'
import type { AskedSourceConfig, SourceConfig } from './config.ts'
import type { Report } from './report.ts'
import type { Settings } from './schema.ts'

type Entry = Settings['recipients']['sources'][number]

interface Resolving {
  /** A file that is named in the configuration. */
  readonly place: (path: string) => string
  readonly report: Report
}

export function resolveSources(
  entries: readonly Entry[],
  { place, report }: Resolving,
): readonly SourceConfig[] {
  return entries.flatMap((entry, i): SourceConfig[] => {
    const [first, ...others] = Object.keys(entry)
    if (first === undefined)
      report(['recipients', 'sources', i], 'names no source, expected file or sqlite')
    for (const other of others) {
      const why = `there is already ${first ?? ''}; make it an entry of its own`
      report(['recipients', 'sources', i, other], why)
    }
    checkQuery(entry, (key, why) => report(['recipients', 'sources', i, ...key], why))
    const source = sourceOf(entry, place)
    return source === undefined ? [] : [source]
  })
}

function checkQuery(
  { sqlite }: Entry,
  report: (key: readonly string[], why: string) => void,
): void {
  try {
    if (sqlite !== undefined) parseQuery(sqlite.query)
  } catch (error) {
    report(['sqlite', 'query'], error instanceof Error ? error.message : String(error))
  }
}

function sourceOf({ file, sqlite }: Entry, place: Resolving['place']): SourceConfig | undefined {
  if (file !== undefined) return { kind: 'file', path: place(file) }
  if (sqlite === undefined) return undefined
  const { path, query } = sqlite
  return { kind: 'sqlite', path: place(path), query, ...asked(sqlite) }
}

const asked = ({
  on_failure: onFailure,
  ...entry
}: NonNullable<Entry['sqlite']>): AskedSourceConfig => ({
  keepMs: entry.keep,
  keepUnknownMs: entry.keep_unknown,
  serveStaleMs: entry.serve_stale,
  cacheEntries: entry.cache_entries,
  ...(onFailure !== undefined && { onFailure }),
})
