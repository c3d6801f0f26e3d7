/** The index of the history, in segments small and large, compared with a list. */
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openHistoryFile } from '../../src/history/schema.ts'
import { keyOf } from '../../src/history/terms.ts'
import { attempt, start, TestStore, to } from './samples.ts'

const addresses = ['a@x', 'b@x', 'c@x', 'd@y'] as const

interface Model {
  readonly id: number
  readonly recipients: readonly string[]
}

/** A store, and what is in it; ids may be as far from each other as in a large file. */
class Indexed implements Disposable {
  readonly files = new TestStore()
  readonly #database = new DatabaseSync(this.files.path)
  #model: Model[] = []
  #id = 0

  add(distance: number, recipients: readonly string[]): void {
    this.#id += distance
    // The next one takes the number behind the last.
    this.#database.exec(
      `insert into batch (id, attempts, from_at, until_at, packed)
       values (${this.#id - 1}, 1, 0, 0, x'') on conflict do nothing`,
    )
    this.files.write(attempt({ recipients: recipients.map((address) => to(address)) }))
    this.#database.exec(`delete from batch where id = ${this.#id - 1} and packed = x''`)
    this.#model.push({ id: this.#id, recipients })
  }

  /** In one batch. */
  addTogether(recipients: readonly (readonly string[])[]): void {
    this.files.write(
      ...recipients.map((some) => attempt({ recipients: some.map((address) => to(address)) })),
    )
    for (const some of recipients) this.#model.push({ id: ++this.#id, recipients: some })
  }

  /** All, or the oldest two hundred. */
  forget(): void {
    this.files.store.removeOldest()
    this.#model = this.#model.slice(200)
    if (this.#model.length === 0) this.#id = 0
  }

  gather(): void {
    while (this.files.store.gather());
  }

  /** As numbers of segments: those below zero are large. */
  get segments(): readonly number[] {
    return this.#database
      .prepare('select distinct bucket >> 30 as segment from term order by segment')
      .all()
      .map(({ segment }) => Number(segment))
  }

  get terms(): number {
    return Number(this.#database.prepare('select count(*) as n from term').get()?.['n'])
  }

  #keyOf(address: string): number {
    return keyOf({ kind: 'recipient', value: address }, this.files.store.seed)
  }

  compare(address: string, other: string, from: number): void {
    const [key, otherKey] = [this.#keyOf(address), this.#keyOf(other)]
    const found = this.files.store.reading((terms) => ({
      count: terms.countOf(key, 1000),
      few: terms.countOf(key, 2),
      ids: [...terms.newestFirst(key, { others: [], from: 0, most: 1000 })],
      both: [...terms.newestFirst(key, { others: [[otherKey]], from, most: 1000 })],
      any: [...terms.withAny([key, otherKey], 10_000)].toSorted((a, b) => b - a),
      some: terms.withAny([key, otherKey], 3).size <= 3,
    }))
    const having = this.#model.filter(({ recipients }) => recipients.includes(address))
    const ids = having.map(({ id }) => id).reverse()
    const later = having.filter(({ id }) => id >= from).reverse()
    expect(found).toEqual({
      count: ids.length,
      few: Math.min(2, ids.length),
      ids,
      both: later.filter(({ recipients }) => recipients.includes(other)).map(({ id }) => id),
      any: this.#model
        .filter(({ recipients }) => recipients.includes(address) || recipients.includes(other))
        .map(({ id }) => id)
        .reverse(),
      some: true,
    })
  }

  [Symbol.dispose](): void {
    this.#database.close()
    this.files[Symbol.dispose]()
  }
}

const step = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 20_000 }) },
  { weight: 1, arbitrary: fc.constantFrom('gather', 'forget') },
)

test('whatever is added, gathered and forgotten: the index finds what a look at each attempt finds', () => {
  const recipients = fc.uniqueArray(fc.constantFrom(...addresses), { minLength: 1 })
  const property = fc.property(
    fc.array(fc.tuple(step, recipients), { maxLength: 60 }),
    fc.constantFrom(...addresses),
    fc.constantFrom(...addresses),
    fc.integer({ min: 0, max: 600_000 }),
    (steps, address, other, from) => {
      using index = new Indexed()
      for (const [what, to] of steps) {
        if (what === 'gather') index.files.store.gather()
        else if (what === 'forget') index.forget()
        else index.add(what, to)
      }
      index.compare(address, other, from)
    },
  )
  fc.assert(property, { numRuns: 60 })
})

test('sixteen segments become a large one, once no attempt of theirs can follow', () => {
  using index = new Indexed()
  for (const distance of [1, 8191, 100_000]) index.add(distance, ['a@x'])
  expect(index.files.store.gather()).toBe(false)
  expect(index.segments).toEqual([0, 1, 13])
  index.add(30_000, ['a@x', 'b@x'])
  const before = index.terms
  index.gather()
  expect(index.segments).toEqual([-1, 16])
  expect(index.terms).toBe(before)
})

test('a batch that begins in one segment and ends in the next one', () => {
  using index = new Indexed()
  index.add(8190, ['a@x', 'b@x'])
  index.addTogether([['a@x'], ['b@x'], ['a@x', 'b@x'], ['a@x']])
  expect(index.segments).toEqual([0, 1])
  index.compare('a@x', 'b@x', 0)
  index.compare('b@x', 'a@x', 8192)
})

test('nothing is left in the index of what was forgotten, gathered or not', () => {
  using index = new Indexed()
  for (const distance of [1, 131_072, 10]) index.add(distance, ['a@x', 'b@x'])
  index.gather()
  expect(index.segments).toEqual([-1, 16])
  index.files.store.expire(start + 1)
  expect(index.terms).toBe(0)
})

test('a file of another release is said to be one', () => {
  using files = new TestStore()
  const database = new DatabaseSync(files.path)
  database.exec('pragma user_version = 2')
  database.close()
  expect(() => openHistoryFile({ path: files.path, maxSizeBytes: 1e6 })).toThrow(
    /history\.db was written by another release of Rcptwise: move it away/,
  )
})
