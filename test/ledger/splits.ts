/** Splits to put into a ledger. */
import type { Split, SplitRecipient } from '../../src/split/split.ts'

export const start = Date.UTC(2026, 9, 5, 8)
export const minute = 60_000

export function recipientOf(address: string): SplitRecipient {
  return { address, state: 'waiting', deferrals: 1, deferredAt: start }
}

export function splitOf(id: string, change: Partial<Split> = {}): Split {
  return {
    id,
    version: 1,
    openedBy: 'x.1',
    reversePath: 'sender@example.net',
    peer: 'default',
    strategy: 'group',
    startedAt: start,
    lastAttemptAt: change.startedAt ?? start,
    forcedRetries: 1,
    idleAttempts: 0,
    status: 'open',
    forgiven: false,
    refusedOnly: false,
    recipients: [recipientOf('a@example.org'), recipientOf('b@example.org')],
    ...change,
  }
}

/** The next version, changed. */
export const changed = (split: Split, change: Partial<Split> = {}): Split => ({
  ...split,
  version: split.version + 1,
  ...change,
})

export const closed = (split: Split, closedAt: number): Split =>
  changed(split, { status: 'completed', closedAt })

export const ids = (splits: readonly Split[]): string[] => splits.map((split) => split.id)

/** `count` recipients, numbered from `from`. */
export const manyRecipients = (count: number, from = 0): SplitRecipient[] =>
  Array.from({ length: count }, (_, index) => recipientOf(`user${from + index}@example.org`))
