/** Attempts as rows of the history's tables, and back. */
import type { SQLOutputValue } from 'node:sqlite'
import { known } from '../known.ts'
import type { JudgedFact } from '../facts/transaction.ts'
import type { Attempt, KeptRecipient } from './attempt.ts'

type Row = Readonly<Record<string, SQLOutputValue>>
type Value = string | number | null

const flag = { final: 1, taken: 2, duplicate: 4, reported: 8 } as const

export const attemptColumns = [
  'at',
  'ms',
  'txn',
  'peer',
  'client',
  'helo',
  'rdns',
  'tls',
  'sender',
  'message_id',
  'split',
  'mode',
  'outcome',
  'strategy',
  'unsplit',
  'size',
  'score',
  'judges',
  'reply',
] as const

export const recipientColumns = [
  'attempt',
  'n',
  'address',
  'policy',
  'grp',
  'fate',
  'verdict',
  'reason',
  'reply',
  'flags',
  'queue_id',
  'returned_ms',
] as const

/** In the order of `attemptColumns`. */
export const attemptRow = (attempt: Attempt): Value[] => [
  attempt.at,
  Math.round(attempt.ms),
  attempt.transaction,
  attempt.peer,
  attempt.client.address,
  attempt.client.helo,
  attempt.client.rdns ?? null,
  attempt.client.tls ? 1 : 0,
  attempt.reversePath,
  attempt.messageId ?? null,
  attempt.split ?? null,
  attempt.mode,
  attempt.outcome,
  attempt.strategy,
  attempt.unsplit ?? null,
  attempt.sizeBytes,
  attempt.score ?? null,
  attempt.judges.length === 0 ? null : JSON.stringify(attempt.judges),
  attempt.reply ?? null,
]

/** In the order of `recipientColumns`. */
export const recipientRow = (
  id: number,
  n: number,
  recipient: KeptRecipient,
  { reply }: Pick<Attempt, 'reply'>,
): Value[] => [
  id,
  n,
  recipient.address,
  recipient.policy ?? null,
  recipient.group ?? null,
  recipient.fate,
  recipient.verdict ?? null,
  reasonText(recipient.reason),
  recipient.reply === reply ? null : (recipient.reply ?? ''),
  (recipient.final ? flag.final : 0) |
    (recipient.taken === undefined ? 0 : flag.taken) |
    (recipient.duplicate === true ? flag.duplicate : 0) |
    (recipient.reported === true ? flag.reported : 0),
  recipient.taken?.queueId ?? null,
  recipient.returnedAfterMs ?? null,
]

/** The word alone, where it has no data. */
const reasonText = (reason: KeptRecipient['reason']): string =>
  Object.keys(reason).length === 1 ? reason.because : JSON.stringify(reason)

/** Written by `reasonText`, so that it is a reason. */
const reasonIn = (text: string): KeptRecipient['reason'] =>
  (text.startsWith('{') ? JSON.parse(text) : { because: text }) as KeptRecipient['reason']

/** Of another release, or damaged: then none. */
function judgesIn(text: string | undefined): readonly JudgedFact[] {
  if (text === undefined) return []
  try {
    const judges: unknown = JSON.parse(text)
    return Array.isArray(judges) ? (judges as JudgedFact[]) : []
  } catch {
    return []
  }
}

const textIn = (row: Row, name: string): string | undefined =>
  typeof row[name] === 'string' ? row[name] : undefined
const numberIn = (row: Row, name: string): number | undefined =>
  typeof row[name] === 'number' ? row[name] : undefined
const neededText = (row: Row, name: string): string => textIn(row, name) ?? ''

export function attemptIn(row: Row, recipients: readonly Row[]): Attempt {
  const reply = textIn(row, 'reply')
  return {
    at: Number(row['at']),
    ms: Number(row['ms']),
    transaction: neededText(row, 'txn'),
    peer: neededText(row, 'peer'),
    client: {
      address: neededText(row, 'client'),
      helo: neededText(row, 'helo'),
      tls: row['tls'] === 1,
      ...known({ rdns: textIn(row, 'rdns') }),
    },
    reversePath: neededText(row, 'sender'),
    recipients: recipients.map((recipient) => recipientIn(recipient, reply)),
    mode: neededText(row, 'mode') as Attempt['mode'],
    outcome: neededText(row, 'outcome') as Attempt['outcome'],
    strategy: neededText(row, 'strategy') as Attempt['strategy'],
    sizeBytes: Number(row['size']),
    judges: judgesIn(textIn(row, 'judges')),
    ...known({
      unsplit: textIn(row, 'unsplit') as Attempt['unsplit'],
      messageId: textIn(row, 'message_id'),
      score: numberIn(row, 'score'),
      split: textIn(row, 'split'),
      reply,
    }),
  }
}

function recipientIn(row: Row, replyOfAll: string | undefined): KeptRecipient {
  const flags = Number(row['flags'])
  const reply = row['reply'] === null ? replyOfAll : neededText(row, 'reply')
  return {
    address: neededText(row, 'address'),
    fate: neededText(row, 'fate') as KeptRecipient['fate'],
    reason: reasonIn(neededText(row, 'reason')),
    final: (flags & flag.final) !== 0,
    ...((flags & flag.taken) !== 0 && { taken: known({ queueId: textIn(row, 'queue_id') }) }),
    ...((flags & flag.duplicate) !== 0 && { duplicate: true }),
    ...((flags & flag.reported) !== 0 && { reported: true }),
    ...known({
      policy: textIn(row, 'policy'),
      group: numberIn(row, 'grp'),
      verdict: textIn(row, 'verdict') as KeptRecipient['verdict'],
      returnedAfterMs: numberIn(row, 'returned_ms'),
      reply: reply === '' ? undefined : reply,
    }),
  }
}
