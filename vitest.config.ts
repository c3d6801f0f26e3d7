import { defineConfig } from 'vitest/config'

/**
 * At SIGUSR2 a process says what it is doing, for `npm test` to tell when nothing happens any more
 * (tools/hung-processes.ts).
 */
const reports = process.env['RCPTWISE_TEST_OUTCOME']
const reportsOfHungProcesses =
  reports === undefined
    ? []
    : ['--report-on-signal', '--report-signal=SIGUSR2', `--report-directory=${reports}`]

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          setupFiles: ['test/support/timed-out.ts'],
          exclude: ['test/interop/**'],
          pool: 'threads',
          isolate: false,
          // Generous: what is waited for has limits of its own below these, and says what it waited
          // for.
          testTimeout: 100_000,
          hookTimeout: 100_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          setupFiles: ['test/support/timed-out.ts'],
          pool: 'forks',
          execArgv: reportsOfHungProcesses,
          // The mail servers mostly wait for one another: two files at a time take little more than
          // half the time.
          maxWorkers: 2,
          maxConcurrency: 4,
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          // Images and packages are made in hooks. Less than the silence after which a file is
          // taken to hang (tools/test-reporter.ts).
          hookTimeout: 450_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
    ],
  },
})
