import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LazyTimer } from '../../src/loop/lazy-timer.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

type Step = 'wait 100' | 'wait 300' | 'nothing' | 'end' | { readonly pass: number }

test.each<[string, readonly Step[], number]>([
  ['a reply that does not come', ['wait 100', { pass: 100 }], 1],
  ['not a moment earlier', ['wait 100', { pass: 99 }], 0],
  [
    'a reply in time, and nothing awaited',
    ['wait 100', { pass: 50 }, 'nothing', { pass: 1000 }],
    0,
  ],
  ['each reply has the whole time', ['wait 100', { pass: 60 }, 'wait 100', { pass: 60 }], 0],
  ['and no more', ['wait 100', { pass: 60 }, 'wait 100', { pass: 100 }], 1],
  [
    'awaited again while the old timer runs',
    ['wait 100', { pass: 50 }, 'nothing', { pass: 20 }, 'wait 100', { pass: 99 }],
    0,
  ],
  [
    'that one is too late as well',
    ['wait 100', { pass: 50 }, 'nothing', { pass: 20 }, 'wait 100', { pass: 100 }],
    1,
  ],
  [
    'awaited again when the old timer has run out',
    ['wait 100', 'nothing', { pass: 500 }, 'wait 100', { pass: 100 }],
    1,
  ],
  [
    'a longer time in place of a shorter one',
    ['wait 100', { pass: 50 }, 'wait 300', { pass: 299 }],
    0,
  ],
  [
    'a shorter time in place of a longer one',
    ['wait 300', { pass: 50 }, 'wait 100', { pass: 100 }],
    1,
  ],
  ['after the end', ['wait 100', 'end', { pass: 1000 }], 0],
])('%s', (_, steps, ends) => {
  const onEnd = vi.fn<() => void>()
  const alarm = new LazyTimer(onEnd)
  for (const step of steps) {
    if (step === 'nothing') alarm.set(undefined)
    else if (step === 'end') alarm.end()
    else if (typeof step === 'string') alarm.set(Number(step.slice(5)))
    else vi.advanceTimersByTime(step.pass)
  }
  expect(onEnd).toHaveBeenCalledTimes(ends)
})

test('no timer is left behind the end', () => {
  const alarm = new LazyTimer(() => undefined)
  alarm.set(100)
  alarm.set(undefined)
  alarm.end()
  expect(vi.getTimerCount()).toBe(0)
})
