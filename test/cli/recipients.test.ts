/** `rcptwise recipients test`, with a SQLite database and a file. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')
let directory: string
let database: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rcptwise-recipients-'))
  database = join(directory, 'users.sqlite')
  using users = new DatabaseSync(database)
  users.exec(`CREATE TABLE users (email TEXT PRIMARY KEY, tag REAL, reject REAL);
    INSERT INTO users VALUES ('ann@example.org', 3, NULL), ('@example.org', 4, 9)`)
  writeFileSync(join(directory, 'more.yaml'), 'carol@example.net: strict\n')
  writeFileSync(
    join(directory, 'config.yaml'),
    `recipients:
  default: careful
  sources:
    - sqlite:
        path: users.sqlite
        query: SELECT email AS recipient, tag AS tag_at, reject AS reject_at FROM users WHERE email IN (:keys)
    - file: more.yaml
`,
  )
})
afterAll(() => rmSync(directory, { recursive: true }))

async function run(...args: readonly string[]): Promise<{ code: number; out: string }> {
  const all = [main, 'recipients', 'test', '--config', join(directory, 'config.yaml'), ...args]
  return await new Promise((resolve) => {
    execFile(process.execPath, all, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), out: stdout + stderr })
    })
  })
}

test('recipients.md: “For each address it shows the keys, what each source says, the policy with the source of each value, and the group.” “Recipients with one group number can share an answer, for mail of one sender (`--from`).”', async () => {
  const { code, out } = await run(
    'ann+x@Example.org',
    'carol@example.net',
    'bob@example.org',
    'b@example.org',
  )
  expect(out).toContain(`ann+x@Example.org
  keys    ann+x@example.org, ann@example.org, @example.org
  source  sqlite:${database} has tag_at 3, and behind it has reject_at 9
  source  file:${directory}/more.yaml is not known there
  policy  sqlite:${database}: tag_at 3 (sqlite:${database}), reject_at 9 (sqlite:${database}), never_defer false (default)
  group   1

carol@example.net
  keys    carol@example.net, @example.net
  source  sqlite:${database} is not known there
  source  file:${directory}/more.yaml has the policy strict
  policy  strict: tag_at 5 (file:${directory}/more.yaml), reject_at 8 (file:${directory}/more.yaml), never_defer false (file:${directory}/more.yaml)
  group   2
`)
  expect(out.match(/group +3/g)).toHaveLength(2)
  expect(code).toBe(0)
})

test('recipients.md: “`--json` gives the same as JSON; the exit code is 7 when a source fails.”', async () => {
  const { out } = await run('--json', 'ann@example.org')
  expect(JSON.parse(out)).toMatchObject([
    {
      address: 'ann@example.org',
      mailboxes: [
        {
          mailbox: 'ann@example.org',
          keys: ['ann@example.org', '@example.org'],
          told: [{ source: `sqlite:${database}`, answer: { kind: 'values', tagAt: 3 } }, {}],
        },
      ],
      policy: {
        values: expect.arrayContaining([
          { column: 'tag_at', value: 3, from: `sqlite:${database}` },
        ]) as unknown,
      },
      group: 1,
    },
  ])
  rmSync(database)
  const away = await run('ann@example.org')
  expect(away.code).toBe(7)
  expect(away.out).toContain(`failed: there is no file ${database}`)
  expect(away.out).toContain('policy  not known: the client gets 451')
})

test.each(['no-at', '', 'a b@example.org', '@example.org', 'ann@'])(
  'what is no address is a mistake, and nobody is asked: "%s"',
  async (address) => {
    const { code, out } = await run('ann@example.org', address)
    expect({ code, out }).toEqual({
      code: 2,
      out: `error: "${address}" is no address: expected user@example.org\n`,
    })
  },
)

test.each(['ü@example.org', '💌@example.org', '"a b"@example.org', 'ann+x@example.org'])(
  'an address that a client may offer: %s',
  async (address) => expect(await run(address)).not.toMatchObject({ code: 2 }),
)
