import { expect, test } from 'vitest'
import { lookMs, Pulse } from '../../../src/app/workers/pulse.ts'

const limitMs = 10_000

function looks(pulse: Pulse, count: number): void {
  for (let i = 0; i < count; i++) pulse.look()
}

test('a worker that shows something between any two looks is never hung', () => {
  const pulse = new Pulse()
  for (let i = 0; i < 1000; i++) {
    pulse.heard()
    pulse.look()
    expect([pulse.stopped(limitMs), pulse.quiet(limitMs)]).toEqual([false, false])
  }
})

test('a worker that shows nothing for the limit is hung, and is called quiet before', () => {
  const pulse = new Pulse()
  pulse.heard()
  const course: string[] = []
  for (let i = 0; i <= limitMs / lookMs; i++) {
    pulse.look()
    course.push(pulse.stopped(limitMs) ? 'hung' : pulse.quiet(limitMs) ? 'quiet' : 'well')
  }
  expect(course).toEqual([
    'well',
    'well',
    'well',
    'well',
    'well',
    'quiet',
    'quiet',
    'quiet',
    'quiet',
    'quiet',
    'hung',
  ])
})

test('a primary that was busy for an hour has looked once, and takes nobody for hung', () => {
  const pulse = new Pulse()
  pulse.heard()
  looks(pulse, 1)
  expect(pulse.silentMs).toBe(0)
})

test('a worker that loads its program has a minute, whatever the limit', () => {
  const pulse = new Pulse()
  looks(pulse, 60)
  expect([pulse.quiet(limitMs), pulse.stopped(limitMs)]).toEqual([false, false])
  looks(pulse, 1)
  expect(pulse.stopped(limitMs)).toBe(true)
})

test('any sign of life makes good', () => {
  const pulse = new Pulse()
  pulse.heard()
  looks(pulse, 9)
  pulse.heard()
  expect(pulse.quiet(limitMs)).toBe(false)
})
