import { expect, test } from 'vitest'
import { Crowding } from '../../src/ledger/crowding.ts'
import type { Opened } from '../../src/ledger/open-limits.ts'

const limits = { all: 100, perSender: 10, bytesPerSender: 10_000, perClient: 20 }
const size = (splits: number) => ({ splits, bytes: splits * 100 })

/** What a store does with it, and how often it had to look. */
function crowding(opened: Opened) {
  let asked = 0
  const it = new Crowding()
  const crowded = (): string | undefined => {
    if (it.isFar(limits)) return undefined
    asked++
    return it.conclude(opened, limits)
  }
  return { it, crowded, asked: () => asked }
}

test('few are open in all: the store is asked once for many messages, and again when so many were written that a limit may be reached', () => {
  const { it, crowded, asked } = crowding({ sender: size(0), client: size(0), all: size(7) })
  for (let n = 0; n < 1000; n++) expect(crowded()).toBeUndefined()
  // Every 250 ms, however long the loop takes.
  expect(asked()).toBeLessThan(500)
  it.wrote(100)
  it.wrote(100)
  expect(it.isFar(limits)).toBe(true)
  it.wrote(100)
  expect(it.isFar(limits)).toBe(false)
  crowded()
  it.wrote(9_300)
  expect(it.isFar(limits)).toBe(false)
})

test.each<[string, Opened, string | undefined]>([
  [
    'as many as one sender may have, of others',
    { sender: size(0), client: size(0), all: size(10) },
    undefined,
  ],
  ['of this one', { sender: size(10), client: size(0), all: size(10) }, 'open_splits_per_sender'],
  [
    'large ones',
    { sender: { splits: 1, bytes: 10_000 }, client: size(0), all: { splits: 1, bytes: 10_000 } },
    'open_split_bytes_per_sender',
  ],
  ['of one client', { sender: size(0), client: size(20), all: size(20) }, 'open_splits_per_client'],
  ['of all', { sender: size(0), client: size(0), all: size(100) }, 'open_splits'],
])('%s: asked each time', (_name, opened, limit) => {
  const { crowded, asked } = crowding(opened)
  for (let n = 0; n < 3; n++) expect(crowded()).toBe(limit)
  expect(asked()).toBe(3)
})
