/**
 * How long Rcptwise, compiled, takes to its first greeting with a ledger of very many open splits,
 * and with an empty one: the median of ten starts each, which take turns.
 *
 *     node bench/large-ledger.ts [SPLITS] [DIRECTORY]     1,000,000 splits, in a temporary directory
 *
 * The last line is that of the check that goes on behind the start.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fillLedger } from '../test/support/full-ledger.ts'
import { freePort, greets } from '../test/support/lab/ports.ts'
import { builtProgram } from './program.ts'
import { median } from './rounds.ts'

const splits = Number(process.argv[2] ?? 1_000_000)
const directory = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'rcptwise-bench-'))
const program = builtProgram()
const checker = join(import.meta.dirname, '../src/ledger/sqlite/check-file.ts')
const starts = 10

async function start(data: string): Promise<number> {
  const port = await freePort()
  const listen = ['--listen', `127.0.0.1:${port}`, '--admin', 'off']
  const begun = performance.now()
  const child = spawn(process.execPath, [program, 'serve', ...listen, '--data-directory', data], {
    cwd: directory,
    stdio: 'ignore',
  })
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
  const [none, many] = [join(directory, 'none'), join(directory, 'many')]
  for (const data of [none, many]) {
    mkdirSync(data)
    await start(data) // makes the certificate and an empty ledger
  }
  const ledger = join(many, 'ledger.db')
  fillLedger(ledger, splits)
  execFileSync('sync', ['--file-system', ledger]) // or a start would wait for what was written
  const taken = { none: [] as number[], many: [] as number[] }
  for (let n = 0; n < starts; n += 1) {
    taken.none.push(await start(none))
    taken.many.push(await start(many))
  }
  const size = Math.round(statSync(ledger).size / 1024 / 1024)
  show('to the greeting, nothing open', median(taken.none))
  show(`to the greeting, ${splits.toLocaleString('en')} open (${size} MiB)`, median(taken.many))
  const begun = performance.now()
  execFileSync(process.execPath, [checker, ledger])
  show('the check behind the start', performance.now() - begun)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
