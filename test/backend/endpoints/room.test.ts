import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Neighbours, noNeighbours, Room } from '../../../src/backend/endpoints/room.ts'

const options = { moreAfterMs: 1000, moreAfterAtMostMs: 8000 }
/** Later than any rest behind one that was turned away. */
const rested = 100

function open(room: Room, count = 1): void {
  for (let i = 0; i < count; i++) {
    room.begin()
    room.opened()
  }
}

function turnAway(room: Room, now: number, begunAt = now): void {
  room.begin()
  room.failed()
  room.turnedAway(begunAt, now)
}

describe('the limit of a place', () => {
  test('is not known until it turns one away; then it is what was open', () => {
    const room = new Room('x', options, noNeighbours)
    open(room, 5)
    expect(room.has(0)).toBe(true)
    turnAway(room, 0)
    expect([room.limit, room.has(rested)]).toEqual([5, false])
    room.closed()
    expect(room.has(rested)).toBe(true)
  })

  test('one more is tried after a while, one at a time, and after twice the while when that was turned away too', () => {
    const room = new Room('x', options, noNeighbours)
    open(room, 2)
    let now = 0
    const waits: number[] = []
    for (let i = 0; i < 6; i++) {
      turnAway(room, now)
      const since = now
      now += rested
      while (!room.has(now)) now += rested
      waits.push(now - since)
      room.begin()
      expect(room.has(now)).toBe(false)
      room.failed()
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 8000, 8000])
  })

  test('goes up with each that is taken, one after the other and without a wait', () => {
    const room = new Room('x', options, noNeighbours)
    open(room, 2)
    turnAway(room, 0)
    for (let i = 0; i < 3; i++) {
      expect(room.has(1000)).toBe(true)
      room.begin()
      expect(room.has(1000)).toBe(false)
      room.opened()
    }
    expect(room.limit).toBe(5)
  })

  test('many that are turned away at the same time are one answer', () => {
    const room = new Room('x', options, noNeighbours)
    open(room, 2)
    for (let i = 0; i < 50; i++) turnAway(room, i + 1, 0)
    expect(room.has(1050)).toBe(true)
  })

  test('whatever happens: never below one, never above what was open, and one more is always possible in the end', () => {
    const step = fc.constantFrom('begin', 'opened', 'failed', 'closed', 'turnedAway')
    const property = fc.property(fc.array(fc.tuple(step, fc.nat(5000))), (steps) => {
      const room = new Room('x', options, noNeighbours)
      let [opening, isOpen, now, most] = [0, 0, 0, 0]
      for (const [what, passed] of steps) {
        now += passed
        if (what === 'begin' && room.has(now)) {
          opening++
          room.begin()
        } else if (what === 'closed' && isOpen > 0) {
          isOpen--
          room.closed()
        } else if (what === 'opened' && opening > 0) {
          opening--
          isOpen++
          room.opened()
        } else if ((what === 'failed' || what === 'turnedAway') && opening > 0) {
          opening--
          room.failed()
          if (what === 'turnedAway' && isOpen > 0) room.turnedAway(now, now)
        }
        most = Math.max(most, isOpen)
        if (room.limit !== Infinity) {
          expect(room.limit).toBeGreaterThanOrEqual(Math.max(1, isOpen))
          expect(room.limit).toBeLessThanOrEqual(Math.max(1, most))
        }
      }
      for (; opening > 0; opening--) room.failed()
      expect(room.has(now + options.moreAfterAtMostMs)).toBe(true)
    })
    fc.assert(property)
  })
})

describe('with other processes', () => {
  function neighbours(others: number): Neighbours & { readonly has: Map<string, number> } {
    const has = new Map<string, number>()
    return { ...noNeighbours, others, has, elsewhere: (key) => has.get(key) ?? 0 }
  }

  test('a place that they have connections to is full and not down, and its limit is of all together', () => {
    const others = neighbours(1)
    const room = new Room('x', options, others)
    expect(room.shared).toBe(false)
    others.has.set('backend connections x', 4)
    expect(room.shared).toBe(true)
    turnAway(room, 0)
    expect([room.limit, room.has(rested)]).toEqual([4, false])
    others.has.set('backend connections x', 3)
    expect(room.has(rested)).toBe(true)
  })

  test('their news may come late: a server that answers is waited for, one that does not only for a moment', async () => {
    const others = neighbours(1)
    const room = new Room('x', options, others)
    expect(await room.isShared(false)).toBe(false)
    const asked = room.isShared(true)
    setTimeout(() => others.has.set('backend connections x', 1), 400)
    expect(await asked).toBe(true)
  })

  test('without others there is no news to wait for', async () => {
    const room = new Room('x', options, noNeighbours)
    const waited = Symbol('waited')
    const turn = new Promise((resolve) => setImmediate(() => resolve(waited)))
    expect(await Promise.race([room.isShared(true), turn])).toBe(false)
  })

  test('what is above our share is owed to those who wait, and no more than they wait for', () => {
    const others = neighbours(3)
    const room = new Room('x', options, others)
    open(room, 8)
    expect(room.owed).toBe(0)
    others.has.set('backend wanted x', 2)
    expect(room.owed).toBe(2)
    others.has.set('backend wanted x', 20)
    expect(room.owed).toBe(6)
    others.has.set('backend connections x', 40)
    expect(room.owed).toBe(0)
  })
})
