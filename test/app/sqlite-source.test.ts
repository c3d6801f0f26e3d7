/** A SQLite file as a source: read by a thread, whoever writes to it or puts another in its place. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PolicySource } from '../../src/policy/policy-source.ts'
import { sqlSource } from '../policy/sql/sql-sources.ts'
import { sqliteDatabase } from '../../src/policy/sql/sqlite.ts'
import { nameOfRaw } from '../policy/breakable.ts'
import { describePolicySource, type Entries } from '../policy/source.contract.ts'

const query = 'SELECT address AS recipient, policy, reject_at FROM wishes WHERE address IN (:keys)'
const listening = new AbortController().signal

function fill(path: string, entries: Entries): void {
  using database = new DatabaseSync(path)
  database.exec('CREATE TABLE wishes (address TEXT PRIMARY KEY, policy TEXT, reject_at REAL)')
  const insert = database.prepare('INSERT INTO wishes VALUES (?, ?, NULL)')
  database.exec('BEGIN')
  for (const [address, policy] of Object.entries(entries)) insert.run(address, policy)
  database.exec('COMMIT')
}

let directory: string
let path: string
let opened: PolicySource[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rcptwise-sqlite-'))
  path = join(directory, 'wishes.sqlite')
  opened = []
})
afterEach(async () => {
  for (const source of opened) await source.close()
  rmSync(directory, { recursive: true })
})

function open(text = query): PolicySource {
  const source = sqlSource(sqliteDatabase({ path, query: text }))
  opened.push(source)
  return source
}
const ask = async (source: PolicySource, ...recipients: readonly string[]) =>
  await source.policiesFor(recipients, listening)

describePolicySource('a SQLite file', {
  open: (entries) => {
    const place = mkdtempSync(join(tmpdir(), 'rcptwise-sqlite-'))
    const file = join(place, 'wishes.sqlite')
    fill(file, entries)
    const source = sqlSource(sqliteDatabase({ path: file, query }))
    return {
      source,
      breakIt: () => rmSync(file),
      end: async () => {
        await source.close()
        rmSync(place, { recursive: true })
      },
    }
  },
  nameOf: nameOfRaw,
})

describe('with the file', () => {
  beforeEach(() => fill(path, { 'ann@example.org': 'strict', '@example.org': 'careful' }))

  test('the address, without its detail, and the domain; whatever the case', async () => {
    const recipients = ['ann+x@example.org', 'ANN@example.org', 'bob@example.org', 'a@b.example']
    expect(
      (await ask(open(), ...recipients)).map((each) => each.kind === 'named' && each.name),
    ).toEqual(['strict', 'strict', 'careful', false])
  })

  test('a row that was changed counts at once', async () => {
    const source = open()
    await ask(source, 'ann@example.org')
    using database = new DatabaseSync(path)
    database.exec("UPDATE wishes SET policy = NULL, reject_at = 3 WHERE address LIKE 'ann@%'")
    expect(await ask(source, 'ann@example.org')).toEqual([
      { kind: 'values', rejectAt: 3, behind: { kind: 'named', name: 'careful' } },
    ])
  })

  test('another file in its place is read, a file that was away is read when it is back', async () => {
    const source = open()
    await ask(source, 'ann@example.org')
    fill(`${path}.new`, { 'ann@example.org': 'tag-only' })
    renameSync(`${path}.new`, path)
    expect(await ask(source, 'ann@example.org')).toEqual([{ kind: 'named', name: 'tag-only' }])
    renameSync(path, `${path}.away`)
    expect(await ask(source, 'ann@example.org')).toMatchObject([
      { kind: 'failed', why: `there is no file ${path}` },
    ])
    renameSync(`${path}.away`, path)
    expect(await ask(source, 'ann@example.org')).toEqual([{ kind: 'named', name: 'tag-only' }])
  })

  test('somebody who writes does not keep others from reading for long; one who holds the file makes it fail', async () => {
    const source = open()
    using database = new DatabaseSync(path)
    database.exec('BEGIN EXCLUSIVE')
    expect(await ask(source, 'ann@example.org')).toMatchObject([
      { kind: 'failed', why: expect.stringContaining('locked') as string },
    ])
    database.exec('COMMIT')
    expect(await ask(source, 'ann@example.org')).toEqual([{ kind: 'named', name: 'strict' }])
  })

  test('the event loop goes on while a question takes long, and closing ends it', async () => {
    const endless = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000)
      SELECT 'ann@example.org' AS recipient, COUNT(*) AS tag_at FROM n WHERE 'ann@example.org' IN (:keys)`
    const source = open(endless)
    const answers = ask(source, 'ann@example.org')
    let turns = 0
    const counting = setInterval(() => turns++, 1)
    expect(await answers).toEqual([{ kind: 'values', tagAt: 2_000_000 }])
    clearInterval(counting)
    expect(turns).toBeGreaterThan(5)
  })

  test('closing does not wait for a query that has no end', async () => {
    const endless = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
      SELECT 'a' AS recipient, COUNT(*) AS tag_at FROM n WHERE 'a' IN (:keys)`
    const module = join(import.meta.dirname, '../../src/policy/sql/sqlite.ts')
    const script = `const { sqliteDatabase } = await import(${JSON.stringify(module)})
      const database = sqliteDatabase(${JSON.stringify({ path, query: endless })})
      const lists = { keys: ['a'], addresses: [], domains: [] }
      const asked = database.ask(lists, new AbortController().signal)
      setTimeout(() => database.close(), 200)
      await asked.catch(() => database.close())
      console.log('closed')`
    // It can't end by itself: SQLite does not let go of its thread.
    const child = spawn(process.execPath, ['--input-type=module', '-e', script])
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    child.kill('SIGKILL')
    expect(said.toString()).toBe('closed\n')
  })

  test.each([
    ['SELECT address AS recipient FROM wishs WHERE address IN (:keys)', 'no such table: wishs'],
    ['SELECT address FROM wishes WHERE address IN (:keys)', 'no column "recipient"'],
    ['DELETE FROM wishes WHERE address IN (:keys) RETURNING address AS recipient', 'readonly'],
    [
      `SELECT 'a' AS recipient FROM wishes WHERE address IN (:keys) UNION ALL
       SELECT * FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)`,
      'more than 100000 rows',
    ],
  ])('a query that is wrong fails: %s', async (text, why) =>
    expect(await ask(open(text), 'ann@example.org')).toMatchObject([
      { kind: 'failed', why: expect.stringContaining(why) as string },
    ]),
  )

  test('what stands in an address is never part of the query', async () => {
    const source = open()
    const odd = [
      `x'); DROP TABLE wishes; --@example.net`,
      `"x'y"@example.net`,
      `%@example.net`,
      `_nn@example.net`,
      `*@example.net`,
      `:keys@example.net`,
      `?@example.net`,
      `$1@example.net`,
      `"\\"@example.net`,
      `["ann@example.org"]@example.net`,
      `nul\0ann@example.net`,
      'ü💌@example.net',
    ]
    const answers = await ask(source, ...odd, 'ann@example.org')
    expect(answers.map(({ kind }) => kind)).toEqual([...odd.map(() => 'unknown'), 'named'])
    expect(await ask(source, 'ann@example.org')).toEqual([{ kind: 'named', name: 'strict' }])
  })
})

test('what is no database is a failure', async () => {
  writeFileSync(
    path,
    'this is no database, but a text that is long enough to be looked at'.repeat(20),
  )
  expect(await ask(open(), 'ann@example.org')).toMatchObject([
    { kind: 'failed', why: expect.stringContaining('not a database') as string },
  ])
  rmSync(path)
  expect(await ask(sqlSourceAt(directory), 'ann@example.org')).toMatchObject([
    { kind: 'failed', why: `${directory} is no file` },
  ])
})

function sqlSourceAt(file: string): PolicySource {
  const source = sqlSource(sqliteDatabase({ path: file, query }))
  opened.push(source)
  return source
}
