/** What one question of a database holds, and that no recipient costs the others their answer. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mostKeys } from '../../../src/policy/keyed/bounds.ts'
import { mysqlDatabase } from '../../../src/policy/sql/mysql.ts'
import { UntranslatableKeyError } from '../../../src/policy/sql/server.ts'
import type { Database } from '../../../src/policy/sql/sql-store.ts'
import { sqlSource } from './sql-sources.ts'

const listening = new AbortController().signal

/** Each address in it has a policy of that name; `refuses` says for which keys it has no letters. */
function table(addresses: readonly string[], refuses: (key: string) => boolean) {
  const questions: (readonly string[])[] = []
  const database: Database = {
    name: 'table',
    async ask({ keys }) {
      questions.push(keys)
      await Promise.resolve()
      if (keys.some(refuses)) throw new UntranslatableKeyError('no such letter')
      const rows = keys.filter((key) => addresses.includes(key)).map((key) => [key, key])
      return { columns: ['recipient', 'policy'], rows }
    },
    close: async () => await Promise.resolve(),
  }
  return { source: sqlSource(database), questions }
}

describe('a key for which a table has no letters', () => {
  const letters = fc.string({
    unit: fc.constantFrom('a', 'b', 'ü', 'é', '💌', 'ж'),
    minLength: 1,
    maxLength: 3,
  })
  const address = letters.map((local) => `${local}@example.org`)

  test('costs the others nothing, whatever their own letters are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(address, { minLength: 1 }), async (addresses) => {
        const { source, questions } = table(addresses, (key) => /[💌ж]/u.test(key))
        const answers = await source.policiesFor(addresses, listening)
        expect(answers).toEqual(
          addresses.map((each) =>
            /[💌ж]/u.test(each) ? { kind: 'unknown' } : { kind: 'named', name: each },
          ),
        )
        const distinct = new Set(addresses).size
        expect(questions.length).toBeLessThanOrEqual(2 * distinct + 1)
      }),
    )
  })

  test('is told of as a failure where no key explains it', async () => {
    const { source } = table([], () => true)
    expect(await source.policiesFor(['ann@example.org', 'ü@example.org'], listening)).toMatchObject(
      [
        { kind: 'failed', why: 'no such letter' },
        { kind: 'failed', why: 'no such letter' },
      ],
    )
  })
})

test('MySQL gets no query with more lists than it has parameters for', () => {
  const of = (lists: number) =>
    mysqlDatabase({
      ...{ host: '127.0.0.1', port: 1, database: 'mail', user: 'rcptwise', connections: 1 },
      ...{ limitMs: 1000, query: `SELECT ${':keys '.repeat(lists)}` },
    })
  expect(of(15).name).toBe('mysql:mail@127.0.0.1')
  expect(() => of(16)).toThrow('more than 15 lists')
  expect(15 * mostKeys).toBeLessThanOrEqual(65_535)
})

test('a question has no more keys than its bound, and everybody has their own answer', async () => {
  const addresses = Array.from({ length: 4 * mostKeys }, (_, i) => `u${i}+x@example${i % 7}.org`)
  const known = ['u5@example5.org', addresses.at(-1) ?? '', '@example3.org']
  const { source, questions } = table(known, () => false)
  const answers = await source.policiesFor(addresses, listening)
  expect(Math.max(...questions.map((keys) => keys.length))).toBeLessThanOrEqual(mostKeys)
  expect(questions.length).toBeLessThanOrEqual(9)
  expect(answers.length).toBe(addresses.length)
  expect(answers[5]).toEqual({ kind: 'named', name: 'u5@example5.org' })
  expect(answers[3]).toEqual({ kind: 'named', name: '@example3.org' })
  expect(answers.at(-1)).toEqual({ kind: 'named', name: addresses.at(-1) })
  expect(answers[4]).toEqual({ kind: 'unknown' })
})
