/**
 * docs/migrating.md: the Exim ACL does what the page says of it, and its settings come over.
 *
 *   before:  a client ─▶ Exim, which defers recipients with other settings
 *   after:   the table of policies that the page's command makes of Exim's lookup file
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { reportOn } from '../../../src/app/recipient-report.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { Place } from '../../support/lab/place.ts'
import { blockWith } from './guide.ts'

const page = 'docs/migrating.md'
const limits = `# user: score
ann@example.org: 5
Bob@example.org:\t7.5

*@example.org: 8
*: 12
`

describe.skipIf(interopObstacle() !== undefined)('an Exim ACL that defers', () => {
  test('takes recipients with the settings of the first one, and puts off the others', async () => {
    await using place = await Place.make('exim')
    const acl = await blockWith(page, 'acl_check_rcpt:')
    await place.write('/etc/exim4/spam_limits', limits)
    await place.write(
      '/etc/exim4/exim4.conf',
      `exim_user = Debian-exim
exim_group = Debian-exim
acl_smtp_rcpt = acl_check_rcpt
domainlist local_domains = *
begin acl
${acl}
  accept
begin routers
nobody:
  driver = redirect
  data = :blackhole:
begin transports
begin retry
`,
    )
    const names = ['ann', 'Bob', 'eve', 'ann']
    const dialogue = [
      'EHLO client.test',
      'MAIL FROM:<s@client.test>',
      ...names.map((name) => `RCPT TO:<${name}@example.org>`),
      'RCPT TO:<who@other.example>',
      'QUIT',
    ].join('\r\n')
    const { stdout } = await place.run('/usr/sbin/exim4', ['-bh', '192.0.2.1'], {
      input: `${dialogue}\r\n`,
    })
    const answers = stdout.split('\r\n').filter((line) => /^[245]\d\d /.test(line))
    const toRcpt = answers.slice(-6, -1).map((line) => line.slice(0, 3))
    expect(toRcpt).toEqual(['250', '451', '451', '250', '451'])
    expect(answers.join()).toContain('other settings, please try again')
  })
})

test('migrating.md: its command makes a table of policies out of Exim’s lookup file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rcptwise-migrating-'))
  try {
    const command = (await blockWith(page, 'awk'))
      .replace('/etc/exim4/spam_limits', join(directory, 'spam_limits'))
      .replace('/etc/rcptwise/spam_limits', join(directory, 'policies'))
    writeFileSync(join(directory, 'spam_limits'), limits)
    const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
    const made = readFileSync(join(directory, 'policies'), 'utf8')
    expect(made).toContain('# The default policy: { reject_at: 12 }')
    const yaml = (await blockWith(page, 'texthash')).replace(
      '/etc/rcptwise/spam_limits',
      'policies',
    )
    const loaded = parseConfig(yaml, join(directory, 'config.yaml'))
    if (!loaded.ok) throw new Error('not a configuration')
    const addresses = ['ann@example.org', 'bob@example.org', 'eve@example.org', 'a@b.example']
    const reports = await reportOn({ addresses, sender: '' }, loaded.config)
    expect(reports.map(({ policy }) => policy?.rejectAt)).toEqual([5, 7.5, 8, 12])
  } finally {
    rmSync(directory, { recursive: true })
  }
})
