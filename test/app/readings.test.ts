/** What all processes have counted, put in order ahead and read. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Readings } from '../../src/app/readings.ts'
import { Room } from '../../src/app/room.ts'
import { initialise } from '../../src/metrics/initialise.ts'
import { createMetrics, type Metrics } from '../../src/metrics/registry.ts'
import { Sums } from '../../src/metrics/summed.ts'
import { textOf } from '../../src/metrics/text-of.ts'

const classes = (prefix: string): { name: string; strategy: 'auto' }[] =>
  Array.from({ length: 100 }, (_, n) => ({ name: `${prefix}-${n}`, strategy: 'auto' }))

let metrics: Metrics
let sums: Sums
let readings: Readings
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  metrics = createMetrics({}, { processMetrics: false })
  initialise(metrics, classes('first'))
  sums = new Sums()
  readings = new Readings(metrics, sums)
})
afterEach(() => {
  readings[Symbol.dispose]()
  vi.useRealTimers()
})

const text = async (): Promise<string> => {
  const { octets, done } = await readings.text([], 'prometheus')
  const read = octets.toString()
  done()
  return read
}

describe('series that are new', () => {
  it('are put in order a few at a time, before anybody asks', async () => {
    expect(metrics.registry.fresh, 'some are left for the next turn').toBeGreaterThan(100)
    await readings.ready
    expect([metrics.registry.fresh, sums.toWrite]).toEqual([0, 0])
    expect(await text()).toBe(await textOf(metrics))
  })

  it('are so, too, when they come later', async () => {
    await readings.ready
    initialise(metrics, classes('second'))
    vi.advanceTimersByTime(2000)
    await vi.waitFor(() => expect([metrics.registry.fresh, sums.toWrite]).toEqual([0, 0]))
    const read = await text()
    expect(read).toContain('{peer="second-99",')
    expect(read.split('\n').sort()).toEqual((await textOf(metrics)).split('\n').sort())
  })

  it('are all there for who asks at once', async () => {
    await readings.ready
    initialise(metrics, classes('second'))
    metrics.sessionsTotal.inc({ peer: 'second-7', tls: 'no' }, 3)
    expect(await text()).toContain('sessions_total{peer="second-7",tls="no"} 3\n')
    expect(metrics.registry.fresh).toBe(0)
  })

  it('wait when nobody wants them any more', async () => {
    readings[Symbol.dispose]()
    await readings.ready
    expect(metrics.registry.fresh).toBeGreaterThan(100)
  })
})

describe('the octets of a reading', () => {
  it('stay as they are until they are given back', async () => {
    metrics.messagesBytesTotal.inc(1)
    const first = await readings.text([], 'prometheus')
    const before = first.octets.toString()
    metrics.messagesBytesTotal.inc(1)
    const second = await readings.text([], 'openmetrics')
    expect(first.octets.toString()).toBe(before)
    expect(second.octets.buffer).not.toBe(first.octets.buffer)
    first.done()
    first.done()
    metrics.messagesBytesTotal.inc(1)
    const third = await readings.text([], 'prometheus')
    expect(third.octets.buffer).toBe(first.octets.buffer)
    expect(third.octets.toString()).toContain('rcptwise_messages_bytes_total 3\n')
    const fourth = await readings.text([], 'prometheus')
    expect(fourth.octets.buffer, 'given back twice, and taken once').not.toBe(third.octets.buffer)
    expect(second.octets.toString()).toContain('rcptwise_messages_bytes_total 2\n')
  })

  it('are new ones where the last ones are too few', () => {
    const room = new Room()
    const small = room.take()
    const few = small.room(10)
    small.done()
    const large = room.take()
    expect(large.room(few.length + 1).length).toBeGreaterThan(few.length)
    large.done()
    expect(room.take().room(few.length).buffer).not.toBe(few.buffer)
  })
})
