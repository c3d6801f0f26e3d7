/** When a place is asked again whether it relays. */
import { expect, test } from 'vitest'
import { RelaySchedule } from '../../../src/backend/endpoints/relay-schedule.ts'

const minute = 60_000
const day = 1440 * minute
const schedule = (): RelaySchedule =>
  new RelaySchedule({ askEveryMs: minute, askRelayAtMostMs: day })

test('at growing distance, and not above the longest', () => {
  const relay = schedule()
  const asked: number[] = []
  for (let at = 0; at < 10 * day; at += minute) {
    if (!relay.due(at)) continue
    relay.asked(at)
    asked.push(at / minute)
  }
  const distances = asked.slice(1).map((at, i) => at - (asked[i] ?? 0))
  expect(distances.slice(0, 12)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1440])
  expect(new Set(distances.slice(12))).toEqual(new Set([1440]))
})

test('a doubt makes it soon, and never more often than at first', () => {
  const relay = schedule()
  for (const at of [0, 1, 3, 7].map((minutes) => minutes * minute)) relay.asked(at)
  expect(relay.due(8 * minute)).toBe(false)
  relay.doubt()
  expect(relay.due(7.5 * minute)).toBe(false)
  expect(relay.due(8 * minute)).toBe(true)
})

test('who was away is asked at once', () => {
  const relay = schedule()
  relay.asked(0)
  relay.forget()
  expect(relay.due(0)).toBe(true)
})

test('another EHLO is another server, perhaps; the first one that is seen is no other', () => {
  const relay = schedule()
  expect(relay.changed(new Map([['SIZE', '1']]))).toBe(false)
  expect(relay.changed(new Map([['SIZE', '1']]))).toBe(false)
  expect(relay.changed(new Map([['SIZE', '2']]))).toBe(true)
  expect(
    relay.changed(
      new Map([
        ['SIZE', '2'],
        ['DSN', ''],
      ]),
    ),
  ).toBe(true)
})
