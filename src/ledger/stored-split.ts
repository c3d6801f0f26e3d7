/**
 * A split as it is stored: the body that every store keeps, and the columns by which it is found.
 */
import { hash } from 'node:crypto'
import type { Split } from '../split/split.ts'

export const rowState = { writing: 0, open: 1, closed: 2 } as const
export type RowState = (typeof rowState)[keyof typeof rowState]

export interface SplitRow {
  readonly id: string
  readonly version: number
  readonly state: RowState
  readonly peer: string
  readonly strategy: string
  readonly startedAt: number
  readonly lastAttemptAt: number
  readonly closedAt: number | null
  readonly reversePath: string
  /** Whose host has opened it. */
  readonly client: string
  /** Canonical, each once. */
  readonly recipients: readonly string[]
  /** Changes when `recipients` do; empty when no index rows are kept, because it is closed. */
  readonly members: string
  /** What it takes in the store, about: the body, and two index entries a recipient. */
  readonly bytes: number
  readonly body: string
}

const memberBytes = 128
const rowBytes = 256

export function toRow(split: Split): SplitRow {
  const recipients = [...new Set(split.recipients.map((recipient) => recipient.address))]
  const body = JSON.stringify(split)
  const open = split.status === 'open'
  return {
    id: split.id,
    version: split.version,
    state: open ? rowState.open : rowState.closed,
    peer: split.peer,
    strategy: split.strategy,
    startedAt: Math.trunc(split.startedAt),
    lastAttemptAt: Math.trunc(split.lastAttemptAt),
    closedAt: open ? null : Math.trunc(split.closedAt ?? split.lastAttemptAt),
    reversePath: split.reversePath,
    client: split.declared?.sender ?? '',
    recipients,
    members: open ? hash('sha1', [split.reversePath, ...recipients].join('\n'), 'base64') : '',
    bytes: rowBytes + body.length + memberBytes * recipients.length,
    body,
  }
}

/**
 * The split of a body; undefined for one that is damaged, which is then as if it were not there.
 */
export function fromBody(body: unknown): Split | undefined {
  if (typeof body !== 'string') return undefined
  try {
    return JSON.parse(body) as Split
  } catch {
    return undefined
  }
}
