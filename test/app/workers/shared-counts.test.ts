/** Sessions counted by several workers and limited in all. */
import { expect, test } from 'vitest'
import { CountsHere, CountsOfAll } from '../../../src/app/workers/shared-counts.ts'
import { until } from '../../support/lab/until.ts'

/** A primary with workers in one process: what they say arrives at once. */
function crew(names: readonly string[]) {
  const here = new Map<string, CountsHere>()
  const all = new CountsOfAll<string>((worker, counts, others) =>
    here.get(worker)?.hear(counts, others),
  )
  const join = (name: string): CountsHere => {
    const counts = new CountsHere((changed) => all.hear(name, changed))
    here.set(name, counts)
    all.join(name)
    return counts
  }
  const workers = names.map(join)
  const end = (): void => {
    all.end()
    for (const counts of here.values()) counts.end()
  }
  return { all, join, workers, [Symbol.dispose]: end }
}

test('each knows its own at once, and those of the others soon', async () => {
  using three = crew(['a', 'b', 'c'])
  const [a, b, c] = three.workers
  a?.change('sessions', 1)
  a?.change('sessions', 1)
  b?.change('sessions', 1)
  expect(a?.of('sessions')).toBe(2)
  await until('c knows', () => c?.elsewhere('sessions') === 3)
  expect([a, b, c].map((counts) => counts?.of('sessions'))).toEqual([3, 3, 3])
  a?.change('sessions', -1)
  await until('c knows', () => c?.elsewhere('sessions') === 2)
  expect(b?.elsewhere('sessions')).toBe(1)
})

test('limits.md: “When a worker ends, its sessions and texts count no more;” its successor hears of what the others have', async () => {
  using two = crew(['a', 'b'])
  const [a, b] = two.workers
  a?.change('address 192.0.2.1', 1)
  b?.change('address 192.0.2.1', 1)
  await until(
    'both know',
    () => a?.of('address 192.0.2.1') === 2 && b?.of('address 192.0.2.1') === 2,
  )
  two.all.leave('b')
  expect(a?.others).toBe(0)
  await until('it is gone', () => a?.elsewhere('address 192.0.2.1') === 0)
  const successor = two.join('b')
  expect(successor.of('address 192.0.2.1')).toBe(1)
  expect([a?.others, successor.others]).toEqual([1, 1])
})

test('what begins and ends within a moment is not told at all', async () => {
  const told: string[] = []
  const counts = new CountsHere((changed) => told.push(...changed.map(([key]) => key)))
  counts.change('short', 1)
  counts.change('short', -1)
  counts.change('long', 1)
  await until('it was told', () => told.length > 0)
  counts.end()
  expect(told).toEqual(['long'])
})
