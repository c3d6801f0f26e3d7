/** Policies from a database, as a client notices them: from the configuration to the reply. */
import { renameSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { reportOn } from '../../src/app/recipient-report.ts'
import { checkRecipients } from '../../src/cli/check-recipients.ts'
import { bad, ok } from '../../src/cli/finding.ts'
import { inWords, isTroubled } from '../../src/cli/recipients.ts'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { sendScored as send } from '../support/scored-message.ts'

let directory: string
let database: DatabaseSync

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-sources-'))
  database = new DatabaseSync(join(directory, 'users.sqlite'))
  database.exec(`CREATE TABLE users (email TEXT PRIMARY KEY, tag REAL, reject REAL, policy TEXT);
    INSERT INTO users VALUES ('ann@example.org', 3, 5, NULL), ('bob@example.org', 3, 20, NULL),
      ('@example.org', 4, NULL, NULL), ('wrong@example.org', NULL, NULL, 'stirct')`)
})
afterEach(async () => {
  database.close()
  await rm(directory, { recursive: true })
})

const sqlite = (more = ''): string => `recipients:
  default: careful
  sources:
    - sqlite:
        path: ${join(directory, 'users.sqlite')}
        query: SELECT email AS recipient, tag AS tag_at, reject AS reject_at, policy FROM users WHERE email IN (:keys)
${more.replace(/^/gm, '        ')}
    - file: more.yaml
`

const verdicts = (app: TestApp): readonly (string | undefined)[] =>
  (app.transactions().at(-1)?.recipients ?? []).map(({ verdict }) => verdict)

async function start(config: string): Promise<TestApp> {
  const place = await mkdtemp(join(directory, 'app-'))
  writeFileSync(join(place, 'more.yaml'), 'carol@example.net: strict\n')
  return await startTestApp({ config, directory: place })
}

test('each has the thresholds of their own row, of the domain, or of the next source', async () => {
  await using app = await start(sqlite())
  const recipients = ['ann@example.org', 'bob@example.org', 'eve@example.org', 'carol@example.net']
  expect(await send(app, 9, ...recipients)).toEqual(['550', '250', '250', '550'])
  expect(verdicts(app)).toEqual(['reject', 'tag', 'tag', 'reject'])
  expect(app.facts.filter(({ kind }) => kind === 'policiesAsked')).toMatchObject([
    { source: `sqlite:${join(directory, 'users.sqlite')}`, recipients: 4 },
    // For carol, and for what nothing is said of in the row of the domain.
    { source: expect.stringContaining('file:') as string, recipients: 2 },
  ])
})

test('what is no policy is the default one, and told', async () => {
  await using app = await start(sqlite())
  expect(await send(app, 9, 'wrong@example.org')).toEqual(['250'])
  await send(app, 9, 'wrong@example.org')
  expect(app.facts.filter(({ kind }) => kind === 'policyWrong')).toMatchObject([
    { recipient: 'wrong@example.org', why: expect.stringContaining('"stirct"') as string },
  ])
})

test('a failure of a source is counted from the start, under the name that log and metrics have for it', async () => {
  await writeFile(join(directory, 'more.yaml'), '')
  await using app = await startTestApp({ directory, config: sqlite() })
  const metrics = await app.metrics()
  for (const name of [
    'sqlite:' + join(directory, 'users.sqlite'),
    'file:' + join(directory, 'more.yaml'),
  ])
    for (const metric of ['failures', 'wrong'])
      expect(metrics).toContain(`rcptwise_policy_${metric}_total{source="${name}"} 0\n`)
  await send(app, 1, 'ann@example.org', 'zoe@elsewhere.example')
  const asked = [
    ...(await app.metrics()).matchAll(/rcptwise_policy_seconds_count\{source="(.*?)"/g),
  ]
  expect(asked.map(([, name]) => name)).toEqual([
    'sqlite:' + join(directory, 'users.sqlite'),
    'file:' + join(directory, 'more.yaml'),
  ])
})

describe('a change', () => {
  const raise = (): void => database.exec("UPDATE users SET reject = 30 WHERE email LIKE 'ann@%'")

  test('counts at once where nothing is kept', async () => {
    await using app = await start(sqlite('keep: 0s'))
    expect(await send(app, 9, 'ann@example.org')).toEqual(['550'])
    raise()
    expect(await send(app, 9, 'ann@example.org')).toEqual(['250'])
  })

  test('recipients.md: “With SIGHUP it counts at once: Rcptwise then asks for everybody anew.”', async () => {
    await using app = await start(sqlite())
    expect(await send(app, 9, 'ann@example.org')).toEqual(['550'])
    raise()
    expect(await send(app, 9, 'ann@example.org')).toEqual(['550'])
    await app.app.reload(configAt(join(app.directory, 'config.yaml')))
    expect(await send(app, 9, 'ann@example.org')).toEqual(['250'])
  })
})

describe('the database is away', () => {
  const away = (): void =>
    renameSync(join(directory, 'users.sqlite'), join(directory, 'users.away'))

  test('recipients.md: “Rcptwise starts although a database is away.” Its recipients come again', async () => {
    away()
    await using app = await start(sqlite())
    expect(await send(app, 9, 'ann@example.org')).toEqual(['451'])
    renameSync(join(directory, 'users.away'), join(directory, 'users.sqlite'))
    expect(await send(app, 9, 'ann@example.org')).toEqual(['550'])
  })

  test('recipients.md: “has the default policy”, where this source says so', async () => {
    away()
    await using app = await start(sqlite('on_failure: default'))
    expect(await send(app, 9, 'ann@example.org')).toEqual(['250'])
    expect(app.facts.filter(({ kind }) => kind === 'policyFailed')).toHaveLength(1)
  })

  test('recipients.md: “Rcptwise then uses what it knows from before”', async () => {
    await using app = await start(sqlite('keep: 0s'))
    expect(await send(app, 9, 'ann@example.org')).toEqual(['550'])
    away()
    expect(await send(app, 9, 'ann@example.org')).toEqual(['550'])
    expect(await send(app, 9, 'bob@example.org')).toEqual(['451'])
    expect(await app.metrics()).toMatch(/policy_recipients_total\{.*answer="stale"\} 1/)
  })
})

describe('check', () => {
  const checked = async (yaml: string) => {
    writeFileSync(join(directory, 'config.yaml'), `relay_domains: [example.org]\n${yaml}`)
    writeFileSync(join(directory, 'more.yaml'), 'carol@example.net: strict\n')
    return await checkRecipients(configAt(join(directory, 'config.yaml')))
  }
  const name = (): string => `sqlite:${join(directory, 'users.sqlite')}`

  test('recipients.md: “`rcptwise check` asks each source, and shows what it says of a test address”', async () =>
    expect(await checked(sqlite())).toEqual([
      ok('recipients', `${name()} answers: postmaster@example.org has tag_at 4`, name()),
      ok(
        'recipients',
        `${join(directory, 'more.yaml')} has 1 entries`,
        join(directory, 'more.yaml'),
      ),
    ]))

  test.each([
    [
      "policy = 'stirct'",
      'there is no policy "stirct", expected one of careful, tag-only, strict',
      /users\.sqlite: tag_at 4 \(sqlite:\S+\), reject_at 15 \(default\)/,
    ],
    [
      'tag = 9, reject = 5',
      'reject_at: got 5, expected at least tag_at, which is 9',
      /policy +careful: tag_at 6 \(default\), reject_at 15 \(default\)/,
    ],
    [
      "tag = 'six'",
      'tag_at: got "six", expected a number or never',
      /policy +careful: tag_at 6 \(default\), reject_at 15 \(default\)/,
    ],
  ])(
    'recipients.md: “If it is no policy that you have, `check` says what is wrong with it, and so does `recipients test`.” %s',
    async (set, why, policy) => {
      database.exec(`UPDATE users SET ${set} WHERE email = '@example.org'`)
      const [finding] = await checked(sqlite())
      const text = `${name()} answers: postmaster@example.org has what is no policy: ${why}`
      expect(finding).toEqual(bad('recipients', text, name()))
      const config = configAt(join(directory, 'config.yaml'))
      const [report] = await reportOn({ addresses: ['eve@example.org'], sender: '' }, config)
      if (report === undefined) throw new Error('there is no report')
      expect(inWords(report)).toContain(`has what is no policy: ${why}\n`)
      expect(inWords(report)).toMatch(policy)
      expect(isTroubled(report)).toBe(true)
    },
  )

  test('one that can not be asked is told, with the reason', async () => {
    database.exec('DROP TABLE users')
    expect((await checked(sqlite()))[0]).toEqual(
      bad('recipients', `${name()}: no such table: users`, name()),
    )
  })
})

function configAt(file: string): Config {
  const loaded = loadConfig(file)
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  return loaded.config
}
