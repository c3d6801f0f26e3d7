/**
 * A worker's events on their way to the primary: in order while somebody watches, not at all while
 * nobody does, and never more of them waiting than the limit says.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { factHub } from '../../../src/app/fact-hub.ts'
import { EventsHere, mostWaiting } from '../../../src/app/workers/events-here.ts'
import type { Fact } from '../../../src/facts/fact.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Each tells by its time which one it is. */
const factOf = (at: number): Fact => ({ kind: 'limitReached', at, limit: 'sessions' })
/** Nobody is told of it. */
const silent: Fact = { kind: 'ledgerRecovered', at: 0 }

/** A worker with a primary that reads when it is told to. */
class World {
  /** Which ones, or the number of those that were dropped before. */
  readonly heard: (number | { readonly dropped: number })[] = []
  readonly batches: number[] = []
  dropped = 0
  happened = 0
  readonly #hub = factHub()
  #sent: (() => void)[] = []
  readonly here = new EventsHere(this.#hub, {
    isSeldom: (name) => name === 'backendReturned',
    allows: ({ kind }) => kind !== 'configLoaded',
    eventOf: ({ kind, at }) =>
      kind === 'ledgerRecovered' ? undefined : { name: kind, data: String(at) },
    droppedEvent: (count) => ({ name: 'dropped', data: String(count) }),
    send: (batch, sent) => {
      this.batches.push(batch.filter(({ name }) => name !== 'dropped').length)
      for (const { name, data } of batch)
        this.heard.push(name === 'dropped' ? { dropped: Number(data) } : Number(data))
      this.#sent.push(sent)
    },
    onDropped: () => this.dropped++,
  })

  happen(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#hub.tell(silent)
      this.#hub.tell(factOf(++this.happened))
    }
  }

  seldom(at: number): void {
    this.#hub.tell({ kind: 'backendReturned', at, server: 'mx', address: '10.0.0.1:25' })
  }

  tooMany(): void {
    this.#hub.tell({ kind: 'configLoaded', at: 0, needRestart: [] })
  }

  get numbers(): readonly number[] {
    return this.heard.filter((one) => typeof one === 'number')
  }

  get toldDropped(): number {
    return this.heard.reduce<number>(
      (sum, one) => sum + (typeof one === 'number' ? 0 : one.dropped),
      0,
    )
  }

  /** Batches that are under way have left. */
  read(): void {
    for (const sent of this.#sent.splice(0)) sent()
  }
}

test('what is seldom is told whether somebody watches or not', () => {
  const world = new World()
  world.seldom(1)
  world.happen(1)
  vi.advanceTimersByTime(1000)
  world.read()
  world.here.watch(true)
  world.here.watch(false)
  world.seldom(2)
  vi.advanceTimersByTime(1000)
  expect(world.numbers).toEqual([1, 2])
})

test('nothing else is told before somebody watches, and nothing once nobody does any more', () => {
  const world = new World()
  world.happen(3)
  vi.advanceTimersByTime(1000)
  expect(world.batches).toEqual([])
  world.here.watch(true)
  world.happen(2)
  vi.advanceTimersByTime(1000)
  world.read()
  world.here.watch(false)
  world.happen(5)
  vi.advanceTimersByTime(1000)
  expect(world.heard).toEqual([4, 5])
  expect(world.dropped).toBe(0)
})

test('what happens within a moment is one batch, and the next one waits until it has left', () => {
  const world = new World()
  world.here.watch(true)
  world.happen(3)
  vi.advanceTimersByTime(1000)
  world.happen(4)
  vi.advanceTimersByTime(1000)
  expect(world.batches).toEqual([3])
  world.read()
  vi.advanceTimersByTime(1000)
  expect(world.batches).toEqual([3, 4])
})

test('a primary that does not read costs what is over the limit, which is counted', () => {
  const world = new World()
  world.here.watch(true)
  world.happen(1)
  vi.advanceTimersByTime(1000)
  world.happen(mostWaiting + 7)
  expect(world.dropped).toBe(7)
  world.read()
  vi.advanceTimersByTime(1000)
  world.read()
  world.happen(1)
  vi.advanceTimersByTime(1000)
  expect(world.batches).toEqual([1, mostWaiting, 1])
  expect(world.heard.slice(-2)).toEqual([{ dropped: 7 }, mostWaiting + 9])
})

test('what is one too many is told as dropped, although nothing else is told', () => {
  const world = new World()
  world.here.watch(true)
  world.tooMany()
  vi.advanceTimersByTime(1000)
  expect(world.heard).toEqual([{ dropped: 1 }])
})

const happens = fc.record({
  do: fc.constant('happen' as const),
  count: fc.oneof(fc.nat(5), fc.integer({ min: mostWaiting - 2, max: mostWaiting + 2 })),
})
const stepsOf = <Name extends string>(...names: readonly Name[]) =>
  fc.array(fc.oneof(happens, fc.constantFrom(...names.map((name) => ({ do: name, count: 0 })))), {
    maxLength: 40,
  })

test('however the primary reads: each event is heard in order, or dropped, counted and told', () => {
  fc.assert(
    fc.property(stepsOf('pass', 'read'), (script) => {
      const world = new World()
      world.here.watch(true)
      const run = (step: (typeof script)[number]): void => {
        if (step.do === 'happen') world.happen(step.count)
        else if (step.do === 'pass') vi.advanceTimersByTime(1000)
        else world.read()
      }
      script.forEach(run)
      for (const step of ['pass', 'read', 'pass', 'read'] as const) run({ do: step, count: 0 })
      expect(Math.max(0, ...world.batches)).toBeLessThanOrEqual(mostWaiting)
      const { numbers } = world
      expect(numbers.length + world.dropped).toBe(world.happened)
      expect(world.toldDropped).toBe(world.dropped)
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    }),
  )
})

test('however often somebody comes and leaves: nothing that happened without them, and all in order', () => {
  fc.assert(
    fc.property(stepsOf('pass', 'read', 'watch', 'leave'), (script) => {
      const world = new World()
      let watching = false
      const unwatched = new Set<number>()
      for (const step of script) {
        const before = world.happened
        if (step.do === 'happen') world.happen(step.count)
        else if (step.do === 'pass') vi.advanceTimersByTime(1000)
        else if (step.do === 'read') world.read()
        else {
          watching = step.do === 'watch'
          world.here.watch(watching)
        }
        if (watching) continue
        for (let at = before + 1; at <= world.happened; at++) unwatched.add(at)
      }
      const { numbers } = world
      expect(numbers.filter((at) => unwatched.has(at))).toEqual([])
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    }),
  )
})
