/**
 * What each strategy would have cost a site, by its own logs: nothing is delivered, written or
 * learned.
 */
import type { Config } from '../config/config.ts'
import { type BadLine, ReadCounts, type Source } from '../maillog/entry.ts'
import { inOrder } from '../maillog/in-order.ts'
import { Join } from '../maillog/join.ts'
import { readLogFile } from '../maillog/log-file.ts'
import { isDatabase, readOwnHistory } from '../maillog/own-history.ts'
import type { Scorer } from '../past/decided.ts'
import { type PastCounts, PastMail } from '../past/past-mail.ts'
import type { SenderTimes } from '../past/sender-model.ts'
import type { Tally } from '../past/tally.ts'
import { PeerDirectory } from '../peers/peer-directory.ts'
import { assumedExtensions } from './explain/assumed-backend.ts'
import { openSources, silent } from './open-sources.ts'
import { policiesFrom } from './policies.ts'
import { sessionOptions } from './session.ts'
import { known } from '../known.ts'

export interface Replayed {
  readonly read: {
    readonly files: number
    readonly lines: number
    readonly unread: number
    readonly shown: readonly BadLine[]
    /** ms since the epoch; absent where nothing was read. */
    readonly from?: number
    readonly until?: number
  }
  readonly counts: PastCounts
  /** Of messages that begin in the log, and do not end there. */
  readonly unfinished: number
  readonly tally: Tally
}

export interface Asked {
  /** Paths; `-` for stdin. */
  readonly files: readonly string[]
  /** Of senders that nothing else tells of. */
  readonly usualTimes: SenderTimes
}

/** Rejects where a file can't be read, or a source of policies can't be opened. */
export async function replay(config: Config, { files, usualTimes }: Asked): Promise<Replayed> {
  await using closing = new AsyncDisposableStack()
  const counts = new ReadCounts()
  const sources = await openSources(config, closing)
  // Nothing was learned of anybody, and nothing is set by hand.
  const directory = new PeerDirectory({
    classes: config.peers,
    trusted: config.trusted,
    overrides: () => [],
    now: Date.now,
  })
  const mail = new PastMail({
    session: sessionOptions({ ...config, mode: 'enforce' }, false),
    extensions: assumedExtensions,
    policies: policiesFrom(sources, config, silent),
    serve: (peer) => directory.serve(peer),
    usualTimes,
    missingAfterMs: config.ledger.missingAfterMs,
    ...known({ relayDomains: config.relayDomains, scorer: scorerOf(config) }),
  })
  const join = new Join((message) => mail.add(message))
  const logs = await Promise.all(files.map(async (path) => await sourceOf(path, counts)))
  await inOrder(
    logs,
    ({ at, sighting }) => {
      if (sighting.kind === 'put off') mail.sawPutOff(at, sighting)
      else join.take(at, sighting)
    },
    async () => await mail.work(),
  )
  join.end()
  await mail.work(true)
  const { lines, unread, shown, first, last } = counts
  return {
    read: {
      files: files.length,
      ...{ lines, unread, shown },
      ...(last >= first && { from: first, until: last }),
    },
    counts: mail.counts,
    unfinished: join.counts.unfinished,
    tally: mail.tally,
  }
}

async function sourceOf(path: string, counts: ReadCounts): Promise<Source> {
  return path !== '-' && (await isDatabase(path))
    ? readOwnHistory(path, counts)
    : readLogFile({ path, counts, now: Date.now() })
}

/** Thresholds are about the first judge that scores. */
const scorerOf = ({ judges }: Config): Scorer | undefined =>
  judges
    .map(({ kind }) => kind)
    .find((kind) => kind === 'rspamd' || kind === 'spamd' || kind === 'headers')
