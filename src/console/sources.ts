/** All that the console asks for, each once for the whole page. */
import type { PeerJson, SenderJson, SplitJson } from '../admin/schemas.ts'
import { ask } from './api.ts'
import { type OnAnswered, Source } from './source.ts'

export interface SplitsTold {
  readonly splits: readonly SplitJson[]
  readonly more: boolean
}

export interface SendersTold {
  readonly senders: readonly SenderJson[]
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
}

const mostSplits = '1000'

export function openSources(onAnswered: OnAnswered): Sources {
  const source = <Value>(keep: string, everyMs: number, path: string, query = {}): Source<Value> =>
    new Source({
      ...{ keep, everyMs, onAnswered },
      load: async (signal) => await ask<Value>(path, { query, signal }),
    })
  return {
    peers: source('peers', 3000, 'api/v1/peers'),
    senders: source('senders', 5000, 'api/v1/senders'),
    splits: source('splits', 3000, 'api/v1/splits', { limit: mostSplits }),
    missing: source('missing', 5000, 'api/v1/splits', { limit: mostSplits, missing: 'true' }),
  }
}
