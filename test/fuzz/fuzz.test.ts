/**
 * Each fuzzer for a while, with inputs that are the same each time; `npm run fuzz` tries others.
 */
import { describe, expect, test } from 'vitest'
import { fuzzers } from './all.ts'
import { type Fuzzer, holds, runFuzzer } from './fuzzer.ts'

const [inputs, limitMs] = [2000, 20_000]

describe('whatever comes in, what has to hold holds', () => {
  test.each(fuzzers.map((fuzzer): [string, Fuzzer] => [fuzzer.name, fuzzer]))('%s', (_, fuzzer) => {
    const { findings, inputs: tried } = runFuzzer(fuzzer, { inputs, seed: 1, limitMs })
    expect(findings).toEqual([])
    expect(tried).toBeGreaterThan(0)
  })
})

test('a finding has the seed with which its input is made again', () => {
  const odd: Fuzzer = {
    name: 'odd',
    once: (random) => {
      const number = random.between(0, 9)
      holds(number !== 7, 'it is not seven', number)
    },
  }
  const [finding] = runFuzzer(odd, { inputs: 1000, seed: 5 }).findings
  expect(finding?.what).toContain('it is not seven: 7')
  expect(runFuzzer(odd, { inputs: 1, seed: finding?.seed ?? 0 }).findings).toHaveLength(1)
})
