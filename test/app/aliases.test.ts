/** Aliases, as a client notices them: from the configuration to the reply. */
import { renameSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { reportOn } from '../../src/app/recipient-report.ts'
import { checkRecipients } from '../../src/cli/check-recipients.ts'
import { ok } from '../../src/cli/finding.ts'
import { inWords } from '../../src/cli/recipients.ts'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { sendScored as send } from '../support/scored-message.ts'

let directory: string
let database: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-aliases-'))
  database = join(directory, 'aliases.sqlite')
  using aliases = new DatabaseSync(database)
  aliases.exec(`CREATE TABLE alias (address TEXT, goto TEXT);
    INSERT INTO alias VALUES ('sales@example.org', 'ann@example.org'), ('@old.test', '@example.org')`)
  writeFileSync(
    join(directory, 'aliases'),
    'info@example.org: sales@example.org\nall@example.org: ann@example.org, bob@example.org\n' +
      'round@example.org: again@example.org\nagain@example.org: round@example.org\n',
  )
  writeFileSync(
    join(directory, 'recipients.yaml'),
    'ann@example.org: strict\nbob@example.org: tag-only\n',
  )
})
afterEach(async () => await rm(directory, { recursive: true }))

const yaml = (more = ''): string => `relay_domains: [example.org, old.test]
recipients:
  default: careful
  aliases:
    - file: ${join(directory, 'aliases')}
    - sqlite:
        path: ${database}
        query: SELECT address AS recipient, goto AS mailbox FROM alias WHERE address IN (:keys)
  sources:
    - file: ${join(directory, 'recipients.yaml')}
${more.replace(/^/gm, '  ')}
`

const start = async (more?: string): Promise<TestApp> => await startTestApp({ config: yaml(more) })

test('recipients.md: “With `recipients.aliases` the policy of the mailbox behind an address counts”', async () => {
  await using app = await start()
  const recipients = ['info@example.org', 'ann@old.test', 'eve@example.org', 'bob@old.test']
  expect(await send(app, 9, ...recipients)).toEqual(['550', '550', '250', '250'])
})

test('recipients.md: “Without `recipients.aliases` Rcptwise knows no aliases, and the address itself counts”', async () => {
  const config = yaml().replace(/ {2}aliases:[^]*?(?= {2}sources)/, '')
  await using app = await startTestApp({ config })
  expect(await send(app, 9, 'ann@example.org', 'info@example.org')).toEqual(['550', '250'])
})

describe('recipients.md: “An address with several mailboxes” has', () => {
  test.each([
    ['', 'mildest', ['250']],
    ['several: mildest', 'mildest', ['250']],
    ['several: strictest', 'strictest', ['550']],
    ['several: default', 'careful', ['250']],
  ])('what it says: %j', async (more, name, replies) => {
    await using app = await start(more)
    expect(await send(app, 9, 'all@example.org')).toEqual(replies)
    const [report] = await reportOn({ addresses: ['all@example.org'], sender: '' }, config(more))
    expect(report).toMatchObject({
      mailboxes: [{ mailbox: 'ann@example.org' }, { mailbox: 'bob@example.org' }],
      policy: { name },
    })
  })
})

test('recipients.md: “The log says so (`aliasesWrong`).”', async () => {
  await using app = await start()
  expect(await send(app, 9, 'round@example.org')).toEqual(['250'])
  expect(app.facts.filter(({ kind }) => kind === 'aliasesWrong')).toMatchObject([
    { recipient: 'round@example.org', why: expect.stringContaining('circle') as string },
  ])
})

describe('a source of aliases that is down:', () => {
  test.each([
    ['', ['451']],
    ['on_failure: default', ['250']],
  ])('on_failure counts as for policies: %j', async (more, replies) => {
    renameSync(database, `${database}.away`)
    await using app = await start(more)
    expect(await send(app, 9, 'sales@example.org')).toEqual(replies)
    expect(app.facts.filter(({ kind }) => kind === 'policyFailed')).toMatchObject([
      { source: `sqlite:${database}` },
    ])
  })
})

test('a database is asked once for what is kept', async () => {
  await using app = await start()
  await send(app, 9, 'sales@example.org')
  await send(app, 9, 'sales@example.org')
  const asked = app.facts.filter(
    (fact) => fact.kind === 'policiesAsked' && fact.source.startsWith('sqlite:'),
  )
  // Once for the alias, once for the mailbox.
  expect(asked).toHaveLength(2)
})

describe('the commands', () => {
  test('check asks each source of aliases, too', async () =>
    expect(await checkRecipients(config())).toEqual(
      expect.arrayContaining([
        ok('recipients', `${join(directory, 'aliases')} has 4 entries`, join(directory, 'aliases')),
        ok(
          'recipients',
          `sqlite:${database} answers: postmaster@example.org is no alias there`,
          `sqlite:${database}`,
        ),
      ]),
    ))

  test('recipients.md: “For each address it shows the mailboxes behind it, if it is an alias.”', async () => {
    const addresses = ['info@example.org', 'all@example.org', 'round@example.org']
    const words = (await reportOn({ addresses, sender: '' }, config())).map(inWords)
    expect(words[0]).toContain('mailbox ann@example.org\n')
    expect(words[0]).toMatch(/policy +strict: .*reject_at 8 \(file:/)
    expect(words[1]).toMatch(/mailbox ann@example.org\n[^]*mailbox bob@example.org\n/)
    expect(words[1]).toMatch(
      /policy +the mildest of \(strict: .*\) \(tag-only: tag_at 6, never_defer false\)\n/,
    )
    expect(words[2]).toMatch(/aliases its aliases lead round in a circle\n/)
  })
})

function config(more?: string): Config {
  writeFileSync(join(directory, 'config.yaml'), yaml(more))
  const loaded = loadConfig(join(directory, 'config.yaml'))
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  return loaded.config
}
