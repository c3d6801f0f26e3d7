/** All that the console asks for, each once for the whole page. */
import type { ConfigurationJson } from '../admin/configuration-schema.ts'
import type { RecentJson } from '../admin/recent-schema.ts'
import type { AuditEntryJson, PeerJson, SenderJson, SplitJson } from '../admin/schemas.ts'
import { ask } from './api.ts'
import { LatestEvents } from './happened.ts'
import { type OnAnswered, Source } from './source.ts'

export interface SplitsTold {
  readonly splits: readonly SplitJson[]
  readonly more: boolean
}

export interface SendersTold {
  readonly senders: readonly SenderJson[]
  readonly more: boolean
}

export interface AuditTold {
  readonly entries: readonly AuditEntryJson[]
  readonly more: boolean
}

export interface PeersTold {
  readonly peers: readonly PeerJson[]
}

export interface Sources {
  readonly peers: Source<PeersTold>
  readonly senders: Source<SendersTold>
  readonly splits: Source<SplitsTold>
  readonly missing: Source<SplitsTold>
  /** The last hour, and the last day. */
  readonly recent: Source<RecentJson>
  readonly day: Source<RecentJson>
  readonly configuration: Source<ConfigurationJson>
  readonly audit: Source<AuditTold>
  readonly happened: LatestEvents
  /** All that is asked for, to ask anew. */
  readonly all: readonly Pick<Source<unknown>, 'refreshWatched'>[]
}

const mostSplits = '1000'
const mostChanges = '1000'

export function openSources(onAnswered: OnAnswered): Sources {
  const source = <Value>(keep: string, everyMs: number, path: string, query = {}): Source<Value> =>
    new Source({
      ...{ keep, everyMs, onAnswered },
      load: async (signal) => await ask<Value>(path, { query, signal }),
    })
  const polled = {
    peers: source<PeersTold>('peers', 3000, 'api/v1/peers'),
    senders: source<SendersTold>('senders', 5000, 'api/v1/senders'),
    splits: source<SplitsTold>('splits', 3000, 'api/v1/splits', { limit: mostSplits }),
    missing: source<SplitsTold>('missing', 5000, 'api/v1/splits', {
      limit: mostSplits,
      missing: 'true',
    }),
    recent: source<RecentJson>('recent', 2000, 'api/v1/recent', { minutes: '61' }),
    day: source<RecentJson>('day', 30_000, 'api/v1/recent', { minutes: '1440' }),
    configuration: source<ConfigurationJson>('configuration', 5000, 'api/v1/configuration'),
    audit: source<AuditTold>('audit', 10_000, 'api/v1/audit', { limit: mostChanges }),
  }
  return { ...polled, happened: new LatestEvents(), all: Object.values(polled) }
}
