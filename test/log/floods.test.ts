/** What happens with every message is said once in a while, with how often it was left out. */
import { expect, test } from 'vitest'
import { Floods } from '../../src/log/floods.ts'

test('one line a minute of each kind, which says how many were left out', () => {
  const floods = new Floods(60_000)
  expect(floods.line('a', 0)).toEqual({})
  for (let at = 1; at <= 99; at++) expect(floods.line('a', at)).toBeUndefined()
  expect(floods.line('b', 99)).toEqual({})
  expect(floods.line('a', 60_000)).toEqual({ moreSinceLastLine: 99 })
  expect(floods.line('a', 119_999)).toBeUndefined()
  expect(floods.line('a', 120_000)).toEqual({ moreSinceLastLine: 1 })
})
