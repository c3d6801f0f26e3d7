/**
 * Keeps the outcome of the tests in a file while they run, so that it is there however the run
 * ends; and ends a run in which nothing happens any more, with what was running and what that
 * waited for.
 */
import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Reporter, TestCase, TestModule, TestSpecification, TestSuite } from 'vitest/node'
import { describeChildren, describeThisProcess, signal } from './hung-processes.ts'
import { outcomeDirectory, outcomeFile } from './test-run.ts'
import { type Failure, nothing, type Outcome } from './test-outcome.ts'
import { TestProgress } from './test-progress.ts'

/**
 * Longer than any test or hook may take by its own limit: a file from which nothing is heard for so
 * long hangs.
 */
const silenceMs = 480_000

interface Trouble {
  readonly message: string
  readonly stack?: string | undefined
  readonly diff?: string | undefined
}

export default class OutcomeReporter implements Reporter {
  readonly #failures: Failure[] = []
  readonly #skipped: string[] = []
  readonly #running = new Set<TestCase>()
  readonly #heard = new Map<TestModule, number>()
  readonly #progress = new TestProgress((line) => console.log(line))
  #passed = 0
  #failed = 0
  #watch: NodeJS.Timeout | undefined

  onInit(): void {
    this.#watch = setInterval(() => void this.#look(), 5000)
    this.#watch.unref()
  }

  onTestRunStart(specifications: readonly TestSpecification[]): void {
    this.#progress.expect(specifications.map(({ project }) => project.name))
  }

  onTestModuleStart(module: TestModule): void {
    this.#heard.set(module, performance.now())
  }

  onTestCaseReady(test: TestCase): void {
    // Of a short test under load vitest may tell the end first.
    if (test.result().state === 'pending') this.#running.add(test)
    this.#heard.set(test.module, performance.now())
    this.#write()
  }

  onTestCaseResult(test: TestCase): void {
    this.#running.delete(test)
    this.#heard.set(test.module, performance.now())
    const result = test.result()
    this.#progress.testEnded(test.project.name, result.state)
    if (result.state === 'passed') this.#passed++
    else if (result.state === 'failed') this.#fail(nameOf(test), result.errors)
    else this.#skipped.push(nameOf(test))
    this.#write()
  }

  onTestSuiteResult(suite: TestSuite): void {
    this.#heard.set(suite.module, performance.now())
    if (suite.errors().length > 0)
      this.#fail(`${fileOf(suite.module)} > ${suite.fullName}`, suite.errors())
  }

  onTestModuleEnd(module: TestModule): void {
    this.#heard.delete(module)
    for (const test of this.#running) if (test.module === module) this.#running.delete(test)
    if (module.errors().length > 0) this.#fail(fileOf(module), module.errors())
    this.#progress.fileEnded(module.project.name)
    this.#write()
  }

  onTestRunEnd(_modules: readonly TestModule[], unhandled: readonly Trouble[]): void {
    clearInterval(this.#watch)
    for (const error of unhandled) this.#fail('outside of any test', [error])
    this.#write()
  }

  #fail(where: string, errors: readonly Trouble[]): void {
    this.#failed++
    this.#failures.push({ where, message: errors.map(inWords).join('\n') })
  }

  #write(): void {
    const outcome: Outcome = {
      ...nothing,
      passed: this.#passed,
      failed: this.#failed,
      skipped: this.#skipped.length,
      failures: this.#failures,
      skippedTests: this.#skipped,
      running: [...this.#running].map(nameOf),
    }
    const file = outcomeFile()
    writeFileSync(`${file}.new`, JSON.stringify(outcome))
    renameSync(`${file}.new`, file)
  }

  async #look(): Promise<void> {
    const hung = [...this.#heard]
      .filter(([, at]) => performance.now() - at > silenceMs)
      .map(([module]) => module)
    if (hung.length === 0) return
    clearInterval(this.#watch)
    const { pids, text } = await describeChildren(outcomeDirectory())
    for (const module of hung) {
      const tests = [...this.#running].filter((test) => test.module === module).map(nameOf)
      const message = `nothing has happened for ${silenceMs / 1000} s; running: ${tests.join(', ') || 'a hook'}`
      this.#fail(fileOf(module), [{ message: `${message}\n${text}\n${describeThisProcess()}` }])
      for (const test of this.#running) if (test.module === module) this.#running.delete(test)
    }
    this.#write()
    for (const pid of pids) signal(pid, 'SIGKILL')
    process.exit(1)
  }
}

const fileOf = (module: TestModule): string => path.relative(process.cwd(), module.moduleId)
const nameOf = (test: TestCase): string => `${fileOf(test.module)} > ${test.fullName}`

/** The message, what differs, and the lines of ours that led there. */
function inWords({ message, diff, stack = '' }: Trouble): string {
  const frames = stack.split('\n').filter((line) => /^ +at .*\/(?:src|test|tools)\//.test(line))
  const ours = frames
    .filter((line) => !line.includes('/node_modules/'))
    .map((line) => `  ${line.trim()}`)
  return [message, ...(diff === undefined ? [] : [diff]), ...ours.slice(0, 8)].join('\n')
}
