import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CommandTimer } from '../../src/listen/command-timer.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

type Step =
  | { readonly set: number }
  | { readonly pass: number }
  | 'refresh'
  | 'end'
  | { readonly last: number }

test.each<[string, readonly Step[], readonly string[]]>([
  ['in time', [{ set: 100 }, { pass: 99 }], []],
  ['too late', [{ set: 100 }, { pass: 100 }], ['timed out']],
  ['once only', [{ set: 100 }, { pass: 1000 }], ['timed out']],
  [
    'as long as before: it goes on',
    [{ set: 100 }, { pass: 60 }, { set: 100 }, { pass: 40 }],
    ['timed out'],
  ],
  ['begun anew', [{ set: 100 }, { pass: 60 }, 'refresh', { pass: 99 }], []],
  [
    'begun anew, and too late',
    [{ set: 100 }, { pass: 60 }, 'refresh', { pass: 100 }],
    ['timed out'],
  ],
  ['none', [{ set: 100 }, { set: 0 }, { pass: 1000 }], []],
  ['none stays none', [{ set: 100 }, { set: 0 }, 'refresh', { pass: 1000 }], []],
  [
    'one after none has its whole time',
    [{ set: 100 }, { pass: 60 }, { set: 0 }, { set: 100 }, { pass: 99 }],
    [],
  ],
  ['a longer one', [{ set: 100 }, { pass: 60 }, { set: 300 }, { pass: 299 }], []],
  [
    'a longer one, too late',
    [{ set: 100 }, { pass: 60 }, { set: 300 }, { pass: 300 }],
    ['timed out'],
  ],
  ['a shorter one', [{ set: 300 }, { pass: 60 }, { set: 100 }, { pass: 100 }], ['timed out']],
  ['the last one is in place of all', [{ set: 100 }, { last: 200 }, { pass: 199 }], []],
  ['and does what it is for', [{ set: 100 }, { last: 200 }, { pass: 1000 }], ['left']],
  ['nothing behind the end', [{ set: 100 }, 'end', { pass: 1000 }], []],
])('%s', (_, steps, expected) => {
  const told: string[] = []
  const deadline = new CommandTimer(() => told.push('timed out'))
  for (const step of steps) {
    if (step === 'refresh') deadline.refresh()
    else if (step === 'end') deadline.end()
    else if ('set' in step) deadline.set(step.set)
    else if ('last' in step) deadline.last(step.last, () => told.push('left'))
    else vi.advanceTimersByTime(step.pass)
  }
  expect(told).toEqual(expected)
  deadline.end()
  expect(vi.getTimerCount()).toBe(0)
})
