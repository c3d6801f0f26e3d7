/**
 * `npm test`: every test, those against real mail servers too where they can run, and at the end
 * what failed, with the totals as the last line.
 *
 *   --require-interop   it is a failure when the tests against real mail servers are skipped
 *
 * Everything else goes to vitest, so `npm test -- test/smtp` runs one folder. The exit code is 0
 * when at least one test ran and none failed.
 */
import {
  harakaObstacle,
  harakaObstacleVariable,
  interopObstacle,
  obstacleVariable,
} from '../test/support/lab/availability.ts'
import { harakaRoot } from '../test/support/lab/haraka-package.ts'
import { packageRoot, packageSetNames } from '../test/support/lab/packages.ts'
import { debianRoot, debianRootNames } from '../test/interop/debian-package/debian-root.ts'
import { type Failure, told } from './test-outcome.ts'
import { type Run, runVitest } from './test-run.ts'

const required = '--require-interop'

const say = (line: string): void => console.log(`  ${line}`)

async function inTurn<T>(all: readonly T[], make: (one: T) => Promise<unknown>): Promise<void> {
  for (const one of all) await make(one)
}

/**
 * Why the tests against real mail servers can't run, after what they need was fetched; undefined
 * when they can.
 */
async function prepareInterop(): Promise<string | undefined> {
  const obstacle = interopObstacle()
  if (obstacle !== undefined) return obstacle
  try {
    // The first one brings apt's lists up to date, where that is needed; then whole systems are
    // made beside the others.
    const [first, ...others] = packageSetNames
    if (first !== undefined) await packageRoot(first, say)
    await Promise.all([
      inTurn(others, async (set) => await packageRoot(set, say)),
      inTurn(debianRootNames, async (name) => await debianRoot(name, say)),
    ])
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
    await harakaRoot(say)
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
  console.log(
    'Interop: the tests against real mail servers (Exim, Postfix, nullmailer, swaks) run here.',
  )
  if (haraka !== undefined) skipped('THE INTEROP TESTS WITH HARAKA', haraka)
}

/** Failures that no test shows. */
function furtherFailures({ outcome, code, ended }: Run): Failure[] {
  const failures: Failure[] = []
  const fail = (where: string, message: string): unknown => failures.push({ where, message })
  const { passed, failed, running, skippedTests } = outcome
  for (const name of running) fail(name, 'it had not ended when the run was ended')
  if (ended !== undefined)
    fail(
      'the run',
      `${ended}: it was told to end before all tests had; .ci/run gives them 40 minutes`,
    )
  else if (passed + failed === 0) fail('the run', 'no test ran')
  else if (code !== 0 && failed === 0)
    fail('the run', `vitest ended with ${code} though no test failed; see above`)
  if (args.includes(required)) {
    for (const name of skippedTests.filter((each) => each.startsWith('test/interop/')))
      fail(name, `${required}: skipped`)
  }
  return failures
}

const args = process.argv.slice(2)
const obstacle = await prepareInterop()
const haraka = obstacle ?? (await prepareHaraka())
announce(obstacle, haraka)
const env = { ...process.env, [obstacleVariable]: obstacle, [harakaObstacleVariable]: haraka }
const run = await runVitest(
  args.filter((arg) => arg !== required),
  env,
)
const further = furtherFailures(run)
const { outcome } = run
const failed = outcome.failed + further.length
console.log(told({ ...outcome, failed, failures: [...outcome.failures, ...further] }))
process.exitCode = failed === 0 ? 0 : 1
