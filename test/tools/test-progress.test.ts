import { expect, test } from 'vitest'
import { TestProgress } from '../../tools/test-progress.ts'

function progress(): { told: string[]; clock: { now: number }; progress: TestProgress } {
  const told: string[] = []
  const clock = { now: 0 }
  return {
    told,
    clock,
    progress: new TestProgress(
      (line) => told.push(line),
      () => clock.now,
    ),
  }
}

test('what is to be run is told first, and each project when it is through', () => {
  const { told, clock, progress: run } = progress()
  run.expect(['pure', 'sockets', 'pure'])
  run.testEnded('pure', 'passed')
  run.fileEnded('pure')
  clock.now = 4000
  run.testEnded('pure', 'failed')
  run.testEnded('pure', 'skipped')
  run.fileEnded('pure')
  run.testEnded('sockets', 'passed')
  run.fileEnded('sockets')
  expect(told).toEqual([
    '== to run: pure 2 files, sockets 1 file',
    '== pure: through: 2 of 2 files, 1 passed, 1 failed, 4 s',
    '== sockets: through: 1 of 1 file, 1 passed, 0 failed, 0 s',
  ])
})

test('meanwhile a line now and then says how far it is', () => {
  const { told, clock, progress: run } = progress()
  run.expect(Array.from({ length: 10 }, () => 'sockets'))
  for (let i = 1; i < 10; i++) {
    clock.now = i * 7000
    run.testEnded('sockets', 'passed')
    run.fileEnded('sockets')
  }
  expect(told).toEqual([
    '== to run: sockets 10 files',
    '== sockets: 2 of 10 files, 3 passed, 0 failed, 14 s',
    '== sockets: 5 of 10 files, 6 passed, 0 failed, 35 s',
    '== sockets: 8 of 10 files, 9 passed, 0 failed, 56 s',
  ])
})
