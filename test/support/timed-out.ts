/**
 * Before every file (vitest.config.ts): a test that takes longer than it may says what it was
 * waiting for.
 */
import { beforeEach } from 'vitest'
import { pendingWaits } from './lab/until.ts'

beforeEach(({ onTestFailed }) => {
  onTestFailed(({ task }) => {
    const late = task.result?.errors?.find(({ message }) => message.startsWith('Test timed out'))
    if (late === undefined) return
    const waits = pendingWaits()
    late.message +=
      waits.length === 0
        ? '\nNothing is waited for by until().'
        : `\nWaits for: ${waits.join('\n  and: ')}`
  })
})
