/** PostgreSQL and MariaDB as sources of policies: what is asked, and what they say. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Answer, PolicySource, RawPolicy } from '../../../src/policy/policy-source.ts'
import { nameOfRaw } from '../../policy/breakable.ts'
import { describePolicySource } from '../../policy/source.contract.ts'
import { databaseObstacle, type DatabaseServer, startDatabase } from './database-server.ts'
import { fill, openSource } from './wishes.ts'

const obstacle = databaseObstacle()
const listening = new AbortController().signal

describe.skipIf(obstacle !== undefined).each(['postgres', 'mysql'] as const)('%s', (kind) => {
  let server: DatabaseServer
  const opened: PolicySource[] = []
  beforeAll(async () => {
    server = await startDatabase(kind)
  }, 120_000)
  afterAll(async () => await server[Symbol.asyncDispose]())
  afterEach(async () => {
    for (const source of opened.splice(0)) await source.close()
  })

  const open = (query?: string): ReturnType<typeof openSource> => {
    const one = openSource(server, query === undefined ? {} : { query })
    opened.push(one.source)
    return one
  }
  const ask = async (
    source: PolicySource,
    ...recipients: readonly string[]
  ): Promise<readonly Answer<RawPolicy>[]> => await source.policiesFor(recipients, listening)

  describePolicySource(kind, {
    open: async (entries) => {
      await fill(server, entries)
      const { source } = openSource(server)
      return {
        source,
        breakIt: async () => {
          await server.run('DROP TABLE wishes')
        },
        end: async () => await source.close(),
      }
    },
    nameOf: nameOfRaw,
  })

  describe('with a table', () => {
    beforeEach(
      async () =>
        await fill(server, {
          'ann@example.org': 'strict',
          '@example.org': 'careful',
          'u@b.example': 'no',
        }),
    )

    test('the address, without its detail, and the domain; whatever the case', async () => {
      const recipients = ['ann+x@example.org', 'ANN@example.org', 'bob@example.org', 'a@b.example']
      expect((await ask(open().source, ...recipients)).map(nameOf)).toEqual([
        'strict',
        'strict',
        'careful',
        'unknown',
      ])
    })

    test('a thousand recipients are one question', async () => {
      const { source, asked } = open()
      const many = Array.from({ length: 1000 }, (_, i) => `user${i}+x${i}@example${i}.net`)
      const answers = await ask(source, ...many, 'ann@example.org')
      expect(answers.map(nameOf)).toEqual([...many.map(() => 'unknown'), 'strict'])
      expect(asked()).toBe(1)
    })

    test('thirty thousand recipients are a few questions', async () => {
      const { source, asked } = open()
      const many = Array.from({ length: 30_000 }, (_, i) => `user${i}+x@example.net`)
      const answers = await ask(source, ...many, 'ann@example.org')
      expect(new Set(answers.slice(0, -1).map(nameOf))).toEqual(new Set(['unknown']))
      expect(answers.slice(-1).map(nameOf)).toEqual(['strict'])
      expect(asked()).toBe(15)
    })

    test('a query that gives more than 100,000 rows has failed, and the next one is answered', async () => {
      const digits = `(${Array.from({ length: 10 }, (_, i) => `SELECT ${i} AS i`).join(' UNION ALL ')})`
      const many = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${digits} AS ${name}`).join(', ')
      const { source } = open(
        `SELECT address AS recipient FROM wishes, ${many} WHERE address IN (:keys)`,
      )
      const unasked = 'eve@example.net'
      for (const address of ['ann@example.org', unasked])
        expect(await ask(source, address)).toMatchObject([
          address === unasked
            ? { kind: 'unknown' }
            : { kind: 'failed', why: 'the query gives more than 100000 rows' },
        ])
    })

    test('what stands in an address is never part of the query', async () => {
      const odd = [
        `x'); DROP TABLE wishes; --@example.net`,
        `x\\'); DROP TABLE wishes; --@example.net`,
        `"x'y"@example.net`,
        `' OR '1'='1@example.net`,
        `%@example.net`,
        `_nn@example.net`,
        `*@example.net`,
        `:keys@example.net`,
        `?@example.net`,
        `$1@example.net`,
        `{"a","b"}@example.net`,
        `"\\"@example.net`,
        `nul\0ann@example.net`,
        'ü💌@example.net',
        // A collation may take it for `u`.
        'ü@b.example',
      ]
      const { source } = open()
      const answers = await ask(source, ...odd, 'ann@example.org')
      expect(answers.map(nameOf)).toEqual([...odd.map(() => 'unknown'), 'strict'])
      expect((await ask(source, 'ann@example.org')).map(nameOf)).toEqual(['strict'])
    })

    test('a row that was changed counts at once; a DECIMAL is a number', async () => {
      const { source } = open()
      await ask(source, 'ann@example.org')
      await server.run(
        "UPDATE wishes SET policy = NULL, reject_at = 3.25 WHERE address LIKE 'ann@%'",
      )
      expect(await ask(source, 'ann@example.org')).toEqual([
        { kind: 'values', rejectAt: 3.25, behind: { kind: 'named', name: 'careful' } },
      ])
    })

    test('columns of bytes, and of every kind of number and yes or no', async () => {
      const bytes = kind === 'mysql' ? 'VARBINARY(320)' : 'BYTEA'
      const real = kind === 'mysql' ? 'FLOAT' : 'REAL'
      await server.run(
        'DROP TABLE IF EXISTS odd',
        `CREATE TABLE odd (address ${bytes}, a ${real}, b BIGINT, c BOOLEAN, d CHAR(1))`,
        "INSERT INTO odd VALUES ('ann@example.org', 2.5, 9, TRUE, 'N')",
      )
      const list = kind === 'mysql' ? ':keys' : "SELECT convert_to(k, 'UTF8') FROM (:keys) AS x(k)"
      const columns = 'a AS tag_at, b AS quarantine_at, c AS never_defer'
      const of = (more: string): string =>
        `SELECT address AS recipient, ${more} FROM odd WHERE address IN (${list})`
      expect(await ask(open(of(columns)).source, 'ann@example.org')).toEqual([
        { kind: 'values', tagAt: 2.5, quarantineAt: 9, neverDefer: true },
      ])
      expect(await ask(open(of('d AS never_defer')).source, 'ann@example.org')).toEqual([
        { kind: 'values', neverDefer: false },
      ])
    })

    test.each([
      ['SELECT address AS recipient FROM wishs WHERE address IN (:keys)', /wishs/],
      ['SELECT address FROM wishes WHERE address IN (:keys)', /no column "recipient"/],
      [
        'SELECT address AS recipient, policy AS color FROM wishes WHERE address IN (:keys)',
        /"color"/,
      ],
      ['DELETE FROM wishes WHERE address IN (:keys)', /denied|read-only|READ ONLY/],
      [
        'SELECT address AS recipient FROM wishes WHERE address IN (:keys); SELECT 1',
        /syntax|multiple/,
      ],
    ])('a query that is wrong fails: %s', async (text, why) =>
      expect(await ask(open(text).source, 'ann@example.org')).toMatchObject([
        { kind: 'failed', why: expect.stringMatching(why) as string },
      ]),
    )
  })

  test('a table that has no letters for an address does not fail for the others', async () => {
    const table = (more: string): string =>
      `CREATE TABLE wishes (address VARCHAR(200) ${more} PRIMARY KEY, policy TEXT, reject_at REAL)`
    const row =
      "INSERT INTO wishes VALUES ('ann@example.org', 'strict', NULL), ('jürgen@example.org', 'careful', NULL)"
    if (kind === 'mysql')
      await server.run('DROP TABLE IF EXISTS wishes', table('CHARACTER SET latin1'), row)
    else {
      await server.run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
      await using latin = await server.session('latin')
      await latin.run(table(''))
      await latin.run(row)
    }
    const { source, asked } = openSource(server, kind === 'mysql' ? {} : { database: 'latin' })
    opened.push(source)
    const answers = await ask(source, '💌@example.org', 'ann@example.org')
    expect(answers.map(nameOf)).toEqual(['unknown', 'strict'])
    expect(asked()).toBe(2)
    const three = await ask(source, '💌@example.org', 'jürgen@example.org', 'ann@example.org')
    expect(three.map(nameOf)).toEqual(['unknown', 'careful', 'strict'])
    // MySQL has different errors for one, for two and for more keys.
    for (let count = 1; count <= 4; count++) {
      const odd = Array.from({ length: count }, (_, i) => `💌${i}@example.org`)
      expect((await ask(source, ...odd)).map(nameOf)).toEqual(odd.map(() => 'unknown'))
      const all = await ask(source, 'jürgen@example.org', ...odd, 'ann@example.org')
      expect(all.map(nameOf)).toEqual(['careful', ...odd.map(() => 'unknown'), 'strict'])
    }
  })
})

const nameOf = (answer: Answer<RawPolicy>): string =>
  answer.kind === 'unknown' || answer.kind === 'failed' ? answer.kind : nameOfRaw(answer)
