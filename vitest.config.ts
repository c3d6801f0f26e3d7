import { defineConfig } from 'vitest/config'
import { testProjects } from './tools/test-projects.ts'

/**
 * At SIGUSR2 a process says what it is doing, for `npm test` to tell when nothing happens any more
 * (tools/hung-processes.ts).
 */
const reports = process.env['RCPTWISE_TEST_OUTCOME']
const reportsOfHungProcesses =
  reports === undefined
    ? []
    : ['--report-on-signal', '--report-signal=SIGUSR2', `--report-directory=${reports}`]

const { pure, sockets } = testProjects(import.meta.dirname)
const setupFiles = ['test/support/timed-out.ts', 'test/support/properties.ts']
/**
 * Generous: what is waited for has limits of its own below these, and says what it waited for.
 */
const patience = {
  testTimeout: 100_000,
  hookTimeout: 100_000,
  expect: { poll: { timeout: 60_000 } },
}

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          include: [...pure],
          setupFiles,
          pool: 'threads',
          isolate: false,
          // They compute: one a core.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
          ...patience,
        },
      },
      {
        test: {
          name: 'sockets',
          include: [...sockets],
          setupFiles,
          // A test may look at its process: at its descriptors, its environment, its signals.
          pool: 'forks',
          isolate: false,
          execArgv: reportsOfHungProcesses,
          // They mostly wait, for one another and for time to pass.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          ...patience,
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
          sequence: { groupOrder: 2 },
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
