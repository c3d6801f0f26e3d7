/**
 * `npm test`: every test, those against real mail servers too where they can run, and the totals as the last line.
 *
 *   --require-interop   it is a failure when the tests against real mail servers are skipped
 *
 * Everything else goes to vitest, so `npm test -- test/smtp` runs one folder. The exit code is 0 when at least one test
 * ran and none failed.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  harakaObstacle,
  harakaObstacleVariable,
  interopObstacle,
  obstacleVariable,
} from '../test/support/lab/availability.ts'
import { harakaRoot } from '../test/support/lab/haraka-package.ts'
import { packageRoot, packageSetNames } from '../test/support/lab/packages.ts'

/** What this tool reads of vitest's JSON report. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

interface Totals {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

const required = '--require-interop'

/** Why the tests against real mail servers can't run, after what they need was fetched; undefined when they can. */
async function prepareInterop(): Promise<string | undefined> {
  const obstacle = interopObstacle()
  if (obstacle !== undefined) return obstacle
  try {
    for (const set of packageSetNames) {
      await packageRoot(set, (line) => {
        console.log(`  ${line}`)
      })
    }
    return undefined
  } catch (error) {
    return `the mail servers' packages can't be had: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** The same for Haraka, which is the one that npm has. */
async function prepareHaraka(): Promise<string | undefined> {
  const obstacle = harakaObstacle()
  if (obstacle !== undefined) return obstacle
  try {
    await harakaRoot((line) => {
      console.log(`  ${line}`)
    })
    return undefined
  } catch (error) {
    return `npm can't get Haraka: ${error instanceof Error ? error.message : String(error)}`
  }
}

function announce(obstacle: string | undefined, haraka: string | undefined): void {
  const bar = '!'.repeat(100)
  const skipped = (what: string, why: string): void =>
    console.log(`${bar}\n!! ${what} ARE SKIPPED: ${why}\n!! See docs/testing.md.\n${bar}`)
  if (obstacle !== undefined) return skipped('INTEROP TESTS', obstacle)
  console.log('Interop: the tests against real mail servers (Exim, Postfix, nullmailer, swaks) run here.')
  if (haraka !== undefined) skipped('THE INTEROP TESTS WITH HARAKA', haraka)
}

/** Runs vitest and reads its report; the report is absent when vitest ended before it wrote one. */
async function runVitest(args: readonly string[], env: NodeJS.ProcessEnv): Promise<[number, Report | undefined]> {
  const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-test-'))
  try {
    const file = path.join(directory, 'report.json')
    const program = path.join(import.meta.dirname, '..', 'node_modules', 'vitest', 'vitest.mjs')
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const vitest = spawn(process.execPath, [program, 'run', ...reporters, ...args], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env,
    })
    const forward = (signal: NodeJS.Signals): boolean => vitest.kill(signal)
    process.once('SIGTERM', forward).once('SIGINT', forward)
    const [code] = (await once(vitest, 'exit')) as [number | null]
    const report = await readFile(file, 'utf8').catch(() => undefined)
    return [code ?? 1, report === undefined ? undefined : (JSON.parse(report) as Report)]
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** The totals. A file that could not be loaded has no tests to fail, so it counts as one. */
function totalsOf(report: Report): Totals {
  const broken = report.testResults.filter(({ status, assertionResults }) => {
    return status === 'failed' && assertionResults.length === 0
  })
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

/** Tests against real mail servers that did not run, by name. */
const skippedInterop = (report: Report): string[] =>
  report.testResults
    .filter(({ name }) => name.includes('/test/interop/'))
    .flatMap(({ assertionResults }) =>
      assertionResults.filter(({ status }) => status !== 'passed' && status !== 'failed'),
    )
    .map(({ fullName }) => fullName)

/** Failures that no test shows, each in a line. */
function furtherFailures(code: number, totals: Totals, report: Report | undefined): string[] {
  const failures: string[] = []
  if (totals.passed + totals.failed === 0) failures.push('No test ran.')
  else if (code !== 0 && totals.failed === 0)
    failures.push(`vitest ended with ${code} though no test failed; see above.`)
  if (args.includes(required) && report !== undefined) {
    for (const name of skippedInterop(report)) failures.push(`${required}: skipped: ${name}`)
  }
  return failures
}

const args = process.argv.slice(2)
const obstacle = await prepareInterop()
const haraka = obstacle ?? (await prepareHaraka())
announce(obstacle, haraka)
const env = { ...process.env, [obstacleVariable]: obstacle, [harakaObstacleVariable]: haraka }
const [code, report] = await runVitest(
  args.filter((arg) => arg !== required),
  env,
)
const totals = report === undefined ? { passed: 0, failed: 0, skipped: 0 } : totalsOf(report)
const failures = furtherFailures(code, totals, report)
for (const failure of failures) console.log(`FAILED: ${failure}`)
const failed = totals.failed + failures.length
const skipped = totals.skipped === 0 ? '' : `, ${totals.skipped} skipped`
console.log(`${totals.passed} passed, ${failed} failed${skipped}`)
process.exitCode = failed === 0 ? 0 : 1
