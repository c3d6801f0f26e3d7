import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { TestCase, TestModule } from 'vitest/node'
import type { Outcome } from '../../tools/test-outcome.ts'
import OutcomeReporter from '../../tools/test-reporter.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'rcptwise-reporter-'))
  vi.stubEnv('RCPTWISE_TEST_OUTCOME', directory)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(directory, { recursive: true })
})

const module = {
  moduleId: path.resolve('test/a.test.ts'),
  project: { name: 'pure' },
  errors: () => [],
} as unknown as TestModule

/** A test of vitest's whose state can be set. */
function sample(fullName: string): { readonly test: TestCase; readonly end: () => void } {
  let state = 'pending'
  const test = {
    fullName,
    module,
    project: { name: 'pure' },
    result: () => ({ state, errors: [] }),
  } as unknown as TestCase
  return { test, end: () => (state = 'passed') }
}

const kept = (): Outcome =>
  JSON.parse(readFileSync(path.join(directory, 'outcome.json'), 'utf8')) as Outcome

test('a test runs from its beginning to its end', () => {
  const reporter = new OutcomeReporter()
  const { test, end } = sample('one')
  reporter.onTestCaseReady(test)
  expect(kept()).toMatchObject({ passed: 0, running: ['test/a.test.ts > one'] })
  end()
  reporter.onTestCaseResult(test)
  expect(kept()).toMatchObject({ passed: 1, running: [] })
})

test('the end of a test may be told before its beginning', () => {
  const reporter = new OutcomeReporter()
  const { test, end } = sample('one')
  end()
  reporter.onTestCaseResult(test)
  reporter.onTestCaseReady(test)
  expect(kept()).toMatchObject({ passed: 1, running: [] })
})

test('nothing runs of a file that has ended', () => {
  const reporter = new OutcomeReporter()
  reporter.onTestCaseReady(sample('one').test)
  reporter.onTestModuleEnd(module)
  expect(kept().running).toEqual([])
})
