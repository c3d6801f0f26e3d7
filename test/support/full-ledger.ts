/** A ledger's file with very many open splits, written at once and not split by split. */
import { openConnection } from '../../src/ledger/sqlite/connection.ts'
import { migrate } from '../../src/ledger/sqlite/schema.ts'
import { rowState, toRow } from '../../src/ledger/stored-split.ts'
import type { Split } from '../../src/split/split.ts'

/** The splits are `split0`, `split1`, …, each of a sender of its own, with three recipients. */
export function fillLedger(path: string, splits: number): void {
  const database = openConnection({ path, busyTimeoutMs: 1000 })
  database.exec('pragma journal_mode = wal')
  migrate(database, path)
  const row = database.prepare(
    `insert into split (id, version, state, peer, strategy, started_at, last_attempt_at, closed_at,
      members, bytes, body, reverse_path, client) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const member = database.prepare('insert into member values (?, ?, ?)')
  database.exec('begin')
  for (let n = 0; n < splits; n += 1) {
    const one = toRow(splitOf(n))
    const { lastInsertRowid } = row.run(
      one.id,
      one.version,
      rowState.open,
      one.peer,
      one.strategy,
      one.startedAt,
      one.lastAttemptAt,
      one.closedAt,
      one.members,
      one.bytes,
      one.body,
      one.reversePath,
      one.client,
    )
    for (const recipient of one.recipients) member.run(lastInsertRowid, one.reversePath, recipient)
  }
  database.exec('commit; pragma wal_checkpoint(truncate)')
  database.close()
}

function splitOf(n: number): Split {
  const now = Date.now()
  return {
    id: `split${n}`,
    version: 1,
    openedBy: 'x.1',
    reversePath: `sender${n}@example.net`,
    peer: 'default',
    strategy: 'group',
    declared: { sender: `192.0.${n % 250}.0/24` },
    startedAt: now,
    lastAttemptAt: now,
    fingerprint: n.toString(16).padStart(64, '0'),
    messageId: `<${n}@mail.example.net>`,
    forcedRetries: 1,
    idleAttempts: 0,
    status: 'open',
    forgiven: false,
    refusedOnly: false,
    recipients: ['a', 'b', 'c'].map((name) => ({
      address: `${name}${n}@example.org`,
      state: 'waiting',
      deferrals: 1,
      deferredAt: now,
    })),
  }
}
