/**
 * How long Rcptwise, compiled, takes to its first greeting with a ledger of very many open splits.
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
import { fillLedger } from '../test/support/full-ledger.ts'
import { freePort, greets } from '../test/support/lab/ports.ts'
import { builtProgram } from './program.ts'

const splits = Number(process.argv[2] ?? 1_000_000)
const directory = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'rcptwise-bench-'))
const program = builtProgram()
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

const show = (what: string, ms: number): void =>
  console.log(`${what.padEnd(44)}${Math.round(ms).toLocaleString('en')} ms`)

try {
  await start() // makes the certificate and an empty ledger
  show('to the greeting, nothing open', await start())
  fillLedger(ledger, splits)
  const size = Math.round(statSync(ledger).size / 1024 / 1024)
  show(`to the greeting, ${splits.toLocaleString('en')} open (${size} MiB)`, await start())
  show('the same again', await start())
  const begun = performance.now()
  execFileSync(process.execPath, [checker, ledger])
  show('the check behind the start', performance.now() - begun)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
