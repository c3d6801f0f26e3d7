import { expect, test } from 'vitest'
import { metricsFromFacts } from '../../src/metrics/from-facts.ts'
import { late } from '../../src/metrics/batched.ts'
import { createMetrics } from '../../src/metrics/registry.ts'
import { sumOf, Sums } from '../../src/metrics/summed.ts'
import { textOf } from '../../src/metrics/text-of.ts'
import { transaction } from './sample-facts.ts'

test('what is told waits, and is counted in its order', () => {
  const counted: number[] = []
  const { tell, count } = late<number>((told) => counted.push(told))
  for (const told of [1, 2, 3]) tell(told)
  expect(counted).toEqual([])
  count()
  count()
  expect(counted).toEqual([1, 2, 3])
})

test('much of it does not wait', () => {
  const counted: number[] = []
  const { tell } = late<number>((told) => counted.push(told))
  const told = Array.from({ length: 1000 }, (_, i) => i)
  for (const one of told) tell(one)
  expect(1000 - counted.length).toBeLessThan(64)
  expect(counted).toEqual(told.slice(0, counted.length))
})

test('what is told while it counts is not lost', () => {
  const counted: number[] = []
  const { tell, count } = late<number>((told) => {
    counted.push(told)
    if (told < 3) tell(told + 1)
  })
  tell(1)
  for (let i = 0; i < 3; i++) count()
  expect(counted).toEqual([1, 2, 3])
})

test('whoever reads sees everything that was told', async () => {
  const metrics = createMetrics({}, { processMetrics: false })
  const listen = metricsFromFacts(metrics)
  const line = /^rcptwise_transactions_total\{.*mode="plain".*\} (\d+)$/m
  for (let i = 0; i < 3; i++) listen(transaction({ mode: 'plain' }))
  expect(line.exec(await textOf(metrics))?.[1]).toBe('3')
  listen(transaction({ mode: 'plain' }))
  const sums = new Sums()
  sums.hear(metrics, metrics.registry.newlyTold())
  expect(sumOf(sums, 'transactions_total')).toBe(4)
})
