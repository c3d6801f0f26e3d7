/**
 * The ledger's files turn read-only while mail flows, as on a disk that the kernel has had enough
 * of: nobody is lost, nobody has a message twice, it is said once, and what was kept in memory
 * meanwhile is on the disk again afterwards.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import { type Sender, senderOf, untilAnswered } from './sender.ts'
import { Home, type Served } from './serve.ts'

const recipients =
  '"tag@example.org": tag-only\n"careful@example.org": careful\n"strict@example.org": strict\n'
const to = ['strict@example.org', 'careful@example.org', 'tag@example.org']

/**
 * Nobody can write to what is there, root and who has it open included (chattr(1), +i). But for
 * SQLite's shared memory, which a disk in trouble does not take away, and a process that writes to
 * it would die of SIGBUS.
 */
function setReadOnly(directory: string, readOnly: boolean): void {
  const names = readdirSync(directory).filter((name) => !name.endsWith('-shm'))
  const files = names.map((name) => join(directory, name))
  const { status, stderr } = spawnSync('chattr', [readOnly ? '+i' : '-i', ...files], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`chattr: ${stderr}`)
}

/** Wants root, and a file system that knows the attribute, such as ext4 or xfs. */
function canSetReadOnly(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'rcptwise-chattr-'))
  const file = openSync(join(directory, 'probe'), 'w')
  let done = false
  try {
    setReadOnly(directory, true)
    done = true
    writeSync(file, 'x')
    return false
  } catch {
    return done
  } finally {
    if (done) setReadOnly(directory, false)
    closeSync(file)
    rmSync(directory, { recursive: true })
  }
}

const message = (n: number): Sender =>
  senderOf({
    from: `s${n}@x.test`,
    to,
    text: `Subject: ${n}\r\nMessage-ID: <${n}@x.test>\r\nX-Spam-Score: 9.5\r\n\r\nhello ${n}\r\n`,
  })

test.runIf(canSetReadOnly())(
  'the ledger turns read-only in the middle; known-limits.md: “Mail never waits until somebody has repaired the ledger.” “While the disk of the ledger is full, read-only or gone, the ledger goes on in memory.” “It says so once in the log (ledgerTrouble)” “It writes back what it holds when the disk can be used again (ledgerRecovered).”',
  { timeout: 120_000 },
  async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const options = { backendUrl: backend.url, recipients, config: 'ledger: ledger/ledger.db' }
    const ledger = join(home.directory, 'ledger')
    const settled = async (n: number, sender: Sender, served: Served): Promise<void> => {
      await untilAnswered(sender, served.listeningPort)
      expect(sender.answered.get('strict@example.org')).toMatch(/^550 /)
      const copies = backend.delivered
        .filter(({ mail }) => mail.startsWith(`<s${n}@`))
        .flatMap((one) => one.recipients)
      expect([...copies].sort()).toEqual(['<careful@example.org>', '<tag@example.org>'])
    }
    const served = await home.serve(options)
    let again: Served
    const begun = [0, 1, 2, 3].map(message)
    try {
      for (const sender of begun) await sender.attempt(served.listeningPort)
      await settled(4, message(4), served)
      expect(served.events('ledgerTrouble')).toEqual([])

      setReadOnly(ledger, true)
      // Begun before: the ledger still knows who has what. Begun now: it remembers them in memory.
      await settled(0, begun[0] ?? message(0), served)
      for (let n = 5; n < 10; n++) await settled(n, message(n), served)
      const later = message(10)
      await later.attempt(served.listeningPort)
      expect(later.open().length).toBeGreaterThan(0)
      expect(served.events('ledgerTrouble')).toHaveLength(1)
      expect(served.events('ledgerRecovered')).toEqual([])

      setReadOnly(ledger, false)
      await until(
        'the ledger is written again',
        () => served.events('ledgerRecovered').length === 1,
      )
      await settled(1, begun[1] ?? message(1), served)
      await served.kill()
      again = await home.serve(options)
      await settled(2, begun[2] ?? message(2), again)
      await settled(10, later, again)
    } finally {
      setReadOnly(ledger, false)
    }
    expect(served.events('ledgerTrouble')).toHaveLength(1)
    expect(again.events('ledgerTrouble')).toEqual([])
  },
)
