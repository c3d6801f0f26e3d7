/** The records in memory while their store is away, slow, or another one. */
import { expect, test } from 'vitest'
import {
  SenderMemory,
  type SenderShelf,
  type StoredSender,
} from '../../src/ledger/sender-memory.ts'
import { applyChange, type SenderChange, type SenderRecord } from '../../src/ledger/senders.ts'

/** A store in memory that can be away. */
class Shelf implements SenderShelf {
  away = false
  writes = 0
  #rows = new Map<string, { readonly changed: number; readonly record?: SenderRecord }>()
  #changes = 0

  async write(changes: readonly SenderChange[]): Promise<readonly StoredSender[] | undefined> {
    await Promise.resolve()
    if (this.away) return undefined
    this.writes += 1
    return changes.map((change) => {
      const record = applyChange(this.#rows.get(change.name)?.record, change)
      this.#rows.set(change.name, {
        changed: ++this.#changes,
        ...(record === undefined ? {} : { record }),
      })
      return record === undefined ? { name: change.name } : { name: change.name, record }
    })
  }

  async since(place: number): ReturnType<SenderShelf['since']> {
    await Promise.resolve()
    if (this.away) return undefined
    const anew = this.#changes < place
    const rows = [...this.#rows].filter(([, { changed }]) => changed > (anew ? 0 : place))
    return {
      rows: rows.map(([name, { record }]) => (record === undefined ? { name } : { name, record })),
      place: rows.length === 0 && !anew ? place : this.#changes,
      anew,
    }
  }

  empty(): void {
    this.#rows = new Map()
    this.#changes = 0
  }
}

const add = (name: string, count = 1, at = 1): SenderChange => ({
  name,
  at,
  counts: { deferred: count },
})
const namesOf = (memory: SenderMemory): SenderRecord[] =>
  [...memory.each()].toSorted((a, b) => a.name.localeCompare(b.name))
const deferred = (memory: SenderMemory, name: string): number | undefined =>
  memory.find(name)?.counts['deferred']

test('what is added is there at once, and in the store with the next write', async () => {
  const shelf = new Shelf()
  const [one, other] = [new SenderMemory(shelf), new SenderMemory(shelf)]
  for (let i = 0; i < 50; i += 1) one.change(add('a.example'))
  other.change(add('a.example', 7))
  expect([deferred(one, 'a.example'), deferred(other, 'a.example')]).toEqual([50, 7])
  await one.flush()
  await other.flush()
  await one.refresh()
  expect([deferred(one, 'a.example'), deferred(other, 'a.example')]).toEqual([57, 57])
  expect(shelf.writes).toBe(2)
})

test('what is added while a write is under way is not lost, nor counted twice', async () => {
  const memory = new SenderMemory(new Shelf())
  memory.change(add('a.example', 5))
  const flushed = memory.flush()
  memory.change(add('a.example', 1))
  expect(deferred(memory, 'a.example')).toBe(6)
  await flushed
  expect(deferred(memory, 'a.example')).toBe(6)
  await memory.flush()
  expect(deferred(memory, 'a.example')).toBe(6)
})

test('a store that is away gets everything when it is back', async () => {
  const shelf = new Shelf()
  const memory = new SenderMemory(shelf)
  shelf.away = true
  memory.change(add('a.example', 2))
  await memory.flush()
  memory.change(add('a.example', 3))
  memory.change({ name: 'b.example', at: 2, pin: { strategy: 'off', by: 'admin', at: 2 } })
  await memory.flush()
  expect(deferred(memory, 'a.example')).toBe(5)
  shelf.away = false
  await memory.flush()
  const other = new SenderMemory(shelf)
  await other.refresh()
  expect(
    namesOf(other).map(({ name, counts, pin }) => [name, counts['deferred'], pin?.strategy]),
  ).toEqual([
    ['a.example', 5, undefined],
    ['b.example', undefined, 'off'],
  ])
})

test('to forget takes all before it away, also for others, and nothing behind it', async () => {
  const shelf = new Shelf()
  const [one, other] = [new SenderMemory(shelf), new SenderMemory(shelf)]
  one.change(add('a.example', 9))
  await one.flush()
  await other.refresh()
  one.change(add('a.example', 9))
  one.change({ name: 'a.example', at: 2, forget: true })
  expect(one.find('a.example')).toBeUndefined()
  one.change(add('a.example', 1, 3))
  expect(deferred(one, 'a.example')).toBe(1)
  await one.flush()
  await other.refresh()
  expect([deferred(one, 'a.example'), deferred(other, 'a.example')]).toEqual([1, 1])
  one.change({ name: 'a.example', at: 4, forget: true })
  await one.flush()
  await other.refresh()
  expect(namesOf(other)).toEqual([])
})

test('a store that was emptied is read anew', async () => {
  const shelf = new Shelf()
  const memory = new SenderMemory(shelf)
  for (const name of ['a.example', 'b.example', 'c.example']) memory.change(add(name))
  await memory.flush()
  await memory.refresh()
  shelf.empty()
  const other = new SenderMemory(shelf)
  other.change(add('new.example'))
  await other.flush()
  await memory.refresh()
  expect(namesOf(memory).map(({ name }) => name)).toEqual(['new.example'])
})

test('it is bounded; those that were not changed for longest go first, and pinned ones stay', async () => {
  const memory = new SenderMemory(new Shelf(), 100)
  memory.change({ name: 'pinned.example', at: 0, pin: { strategy: 'late', by: 'admin', at: 0 } })
  for (let i = 0; i < 300; i += 1) {
    memory.change(add(`n${i}.example`, 1, i))
    if (i % 20 === 0) await memory.flush()
  }
  await memory.flush()
  expect(namesOf(memory)).toHaveLength(100)
  expect(memory.find('pinned.example')?.pin?.strategy).toBe('late')
  expect(memory.find('n299.example')).toBeDefined()
  expect(memory.find('n3.example')).toBeUndefined()
})
