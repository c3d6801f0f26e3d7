/**
 * How long Rcptwise takes to its first greeting with a ledger of very many open splits.
 *
 *     node bench/large-ledger.ts [SPLITS] [DIRECTORY]     1,000,000 splits, in a temporary directory
 *
 * The first line is the start of a new ledger, for comparison; the last is that of the check that
 * goes on behind the start.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openConnection } from '../src/ledger/sqlite/connection.ts'
import { migrate } from '../src/ledger/sqlite/schema.ts'
import { rowState, toRow } from '../src/ledger/stored-split.ts'
import type { Split } from '../src/split/split.ts'
import { freePort, greets } from '../test/support/lab/ports.ts'

const splits = Number(process.argv[2] ?? 1_000_000)
const directory = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'rcptwise-bench-'))
const program = join(import.meta.dirname, '../src/cli/main.ts')
const checker = join(import.meta.dirname, '../src/ledger/sqlite/check-file.ts')
const ledger = join(directory, 'ledger.db')

async function start(): Promise<number> {
  const port = await freePort()
  const listen = ['--listen', `127.0.0.1:${port}`, '--admin', 'off']
  const begun = performance.now()
  const child = spawn(
    process.execPath,
    [program, 'serve', ...listen, '--data-directory', directory],
    { cwd: directory, stdio: 'ignore' },
  )
  const gone = once(child, 'exit')
  while (!(await greets(port))) await sleep(2)
  const taken = performance.now() - begun
  child.kill('SIGTERM')
  await gone
  return taken
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

function fill(): void {
  const database = openConnection({ path: ledger, busyTimeoutMs: 1000 })
  migrate(database, ledger)
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

const show = (what: string, ms: number): void =>
  console.log(`${what.padEnd(44)}${Math.round(ms).toLocaleString('en')} ms`)

try {
  await start() // makes the certificate and an empty ledger
  show('to the greeting, nothing open', await start())
  fill()
  const size = Math.round(statSync(ledger).size / 1024 / 1024)
  show(`to the greeting, ${splits.toLocaleString('en')} open (${size} MiB)`, await start())
  show('the same again', await start())
  const begun = performance.now()
  execFileSync(process.execPath, [checker, ledger])
  show('the check behind the start', performance.now() - begun)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
