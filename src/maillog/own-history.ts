/** Rcptwise's own history as a source, in the order in which it was written. */
import { open } from 'node:fs/promises'
import { allAttempts } from '../history/all-attempts.ts'
import type { Attempt as Kept } from '../history/attempt.ts'
import { openHistoryReadOnly } from '../history/schema.ts'
import { HistoryStore } from '../history/store.ts'
import { octetsOf } from '../smtp/octets.ts'
import type { Entry, ReadCounts } from './entry.ts'
import { type Attempt, OwnAttempts } from './own-attempts.ts'
import type { Scanner, Score } from './sighting.ts'

/** https://sqlite.org/fileformat.html#the_database_header */
const sqliteHeader = 'SQLite format 3\0'

/** Whether the file is a database of SQLite. Rejects where it can't be read. */
export async function isDatabase(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(sqliteHeader.length), 0)
    return buffer.toString('latin1') === sqliteHeader
  } finally {
    await file.close()
  }
}

/** Rejects where it is no history, or keeps no addresses. */
// eslint-disable-next-line @typescript-eslint/require-await -- as all sources are
export async function* readOwnHistory(
  path: string,
  counts: ReadCounts,
): AsyncGenerator<readonly Entry[]> {
  const database = openHistoryReadOnly(path)
  const store = new HistoryStore(database)
  try {
    const mode = store.mode()
    if (mode !== 'full')
      throw new Error(
        `${path} keeps ${mode === 'domain' ? 'domains alone' : 'hashes in place of addresses'}: nobody knows whose policies count`,
      )
    const attempts = new OwnAttempts()
    for (const some of allAttempts(database)) {
      counts.lines += some.length
      const entries = some.flatMap((attempt): readonly Entry[] => {
        const { at } = attempt
        counts.timed(at)
        const seen = attempts.take(attemptOf(attempt))
        return seen === undefined || typeof seen === 'string' ? [] : [{ at, sighting: seen }]
      })
      if (entries.length > 0) yield entries
    }
  } finally {
    store.close()
  }
}

const attemptOf = ({ client, recipients, judges, score, ...kept }: Kept): Attempt => ({
  at: kept.at,
  client: {
    address: client.address,
    helo: octetsOf(client.helo),
    ...(client.rdns !== undefined && { rdns: client.rdns }),
  },
  sender: octetsOf(kept.reversePath),
  recipients: recipients.map(({ address, fate, reason }) => ({
    address: octetsOf(address),
    fate,
    reason: reason.because,
  })),
  more: false,
  sizeBytes: kept.sizeBytes,
  scores: scoresOf({ judges, ...(score !== undefined && { score }) }),
  prdr: kept.mode === 'prdr',
  refused: kept.outcome === 'refused',
  trusted: kept.unsplit === 'trusted',
  ...(kept.split !== undefined && { split: kept.split }),
})

const isScanner = (name: string): name is Scanner =>
  name === 'rspamd' || name === 'spamd' || name === 'headers'

function scoresOf({ judges, score }: Pick<Kept, 'judges' | 'score'>): readonly Score[] {
  const named = judges.flatMap(({ judge, score: its, symbols = [] }): readonly Score[] =>
    its === undefined || !isScanner(judge)
      ? []
      : [{ scanner: judge, score: its, symbols: symbols.map(octetsOf) }],
  )
  return named.length > 0 || score === undefined ? named : [{ scanner: 'any', score, symbols: [] }]
}
