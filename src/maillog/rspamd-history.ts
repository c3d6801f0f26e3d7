/**
 * rspamd's history: what its controller answers to `/history`, which is a list of its own or, from
 * the module `history_redis`, `{ rows: […] }`. Pure.
 */
import { forcedBy } from './rspamd.ts'
import { symbolsOf } from './cut-out.ts'
import { type Judged, type Seen, unreadable } from './sighting.ts'
import { isObject } from '../exchange/json.ts'
import { octets } from './json-values.ts'

export interface HistoryRow {
  /** ms since the epoch. */
  readonly at: number
  readonly seen: Seen
}

/** Undefined: it is no history of rspamd's. */
export function readRspamdHistory(document: unknown): readonly HistoryRow[] | undefined {
  const rows = isObject(document) ? document['rows'] : document
  return Array.isArray(rows) ? rows.map(readRow) : undefined
}

function readRow(row: unknown): HistoryRow {
  if (!isObject(row)) return { at: 0, seen: unreadable }
  const { action, score, required_score: limit, unix_time: seconds } = row
  if (typeof seconds !== 'number' || typeof action !== 'string') return { at: 0, seen: unreadable }
  const number = typeof score === 'number' && Number.isFinite(score) ? score : undefined
  const required = typeof limit === 'number' ? limit : Infinity
  const forced = forcedBy(action, number, required)
  const judged: Judged = {
    kind: 'judged',
    score: {
      scanner: 'rspamd',
      symbols: symbolsOf(namesIn(row['symbols'])),
      ...(number !== undefined && { score: number }),
      ...(forced !== undefined && { forced }),
    },
    ...envelopeIn(row),
  }
  return { at: seconds * 1000, seen: judged }
}

const namesIn = (symbols: unknown): readonly string[] =>
  isObject(symbols) ? Object.keys(symbols).map((name) => octets(name) ?? '') : []

/** `history_redis` tells the envelope; rspamd's own history does not. */
function envelopeIn(row: Readonly<Record<string, unknown>>): Omit<Judged, 'kind' | 'score'> {
  const [messageId, queueId] = [octets(row['message-id'] ?? row['id']), octets(row['qid'])]
  const [address, sender] = [octets(row['ip']), octets(row['sender_smtp'])]
  const { rcpt_smtp: recipients, size, user } = row
  const own = typeof user === 'string' && user !== '' && user !== 'unknown'
  return {
    ...(messageId !== undefined && isTold(messageId) && { messageId }),
    ...(queueId !== undefined && isTold(queueId) && { queueId }),
    ...(address !== undefined &&
      isTold(address) && { client: { address, ...(own && { own: true as const }) } }),
    ...(sender !== undefined && { sender: sender === 'unknown' ? '' : sender }),
    ...(typeof size === 'number' && { sizeBytes: size }),
    ...(Array.isArray(recipients) && {
      recipients: { known: recipients.flatMap((one) => octets(one) ?? []), whole: true },
    }),
  }
}

const isTold = (text: string): boolean => text !== '' && text !== 'undef' && text !== 'unknown'
