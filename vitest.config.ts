import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/interop/**'],
          pool: 'threads',
          isolate: false,
          // Generous: what is waited for has limits of its own below these, and says what it waited for.
          testTimeout: 100_000,
          hookTimeout: 100_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          pool: 'forks',
          // The mail servers mostly wait for one another: two files at a time take little more than half the time.
          maxWorkers: 2,
          maxConcurrency: 4,
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          hookTimeout: 300_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
    ],
  },
})
