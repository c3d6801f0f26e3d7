/**
 * sendmail 8.17 in a place of its own, as a backend: it takes mail for example.org, knows addresses
 * by its aliases, and throws away what it took: its log of each dialogue has it all. The client
 * side is sendmail.ts.
 */
import { symlink } from 'node:fs/promises'
import { Place } from './place.ts'
import { freePort, greets } from './ports.ts'
import { until } from './until.ts'

export interface SendmailBackendOptions {
  /** Local parts at example.org that exist. */
  readonly mailboxes: readonly string[]
  /** Lines for sendmail.mc, `DAEMON_OPTIONS` among them, with its port. */
  readonly lines: (port: number) => string
}

export interface SendmailBackend extends AsyncDisposable {
  readonly port: number
  /** Every SMTP dialogue, texts too: what it said behind `>>>`, what it heard behind `<<<`. */
  readonly log: () => Promise<string>
}

/**
 * cf/README of sendmail; the lines of the test come where an administrator has them, before the
 * mailers.
 */
const configuration = (lines: string): string =>
  `include(\`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(\`debian')dnl
DOMAIN(\`debian-mta')dnl
FEATURE(\`no_default_msa')dnl
FEATURE(\`nocanonify')dnl
FEATURE(\`accept_unresolvable_domains')dnl
LOCAL_DOMAIN(\`example.org')dnl
define(\`confDOMAIN_NAME', \`sendmail.test')dnl
define(\`confTO_IDENT', \`0')dnl
${lines}
MAILER(\`local')dnl
MAILER(\`smtp')dnl
`

const program = '/usr/libexec/sendmail/sendmail'

/** Starts it; it ends with `await using`. */
export async function startSendmailBackend({
  mailboxes,
  lines,
}: SendmailBackendOptions): Promise<SendmailBackend> {
  const place = await Place.make('sendmail')
  const port = await freePort()
  await place.write('/etc/mail/lab.mc', configuration(lines(port)))
  const made = await place.run('/usr/bin/m4', ['/etc/mail/lab.mc'])
  await place.write('/etc/mail/sendmail.cf', made.stdout)
  await place.write('/etc/mail/local-host-names', '')
  await place.write('/etc/mail/aliases', mailboxes.map((name) => `${name}: /dev/null\n`).join(''))
  await place.write('/etc/mail/service.switch', 'hosts files\npasswd files\naliases files\n')
  const own = { user: 'smmta', group: 'smmsp' } as const
  await place.directory('/var/spool/mqueue', { ...own, mode: 0o750 })
  await place.directory('/var/lib/sendmail', { ...own, mode: 0o755 })
  await place.directory('/run/sendmail/mta', { ...own, mode: 0o755 })
  await place.directory('/var/log', { user: 'root', group: 'root', mode: 0o755 })
  await symlink('../run', place.host('/var/run'))
  await place.run(program, ['-bi'])

  const log = async (): Promise<string> =>
    `${made.stderr}${await place.read('/var/log/dialogue')}${await place.read('/daemon.log')}`
  const daemon = await place.start(program, [
    '-L',
    'sm-mta',
    '-bD',
    '-q1s',
    '-X',
    '/var/log/dialogue',
  ])
  try {
    await until('sendmail listens', async () => daemon.exitCode !== null || (await greets(port)))
    if (daemon.exitCode !== null) throw new Error(`sendmail ended with ${daemon.exitCode}`)
  } catch (error) {
    const said = await log()
    await place[Symbol.asyncDispose]()
    throw new Error(`sendmail did not start:\n${said}`, { cause: error })
  }
  return {
    port,
    log,
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
    },
  }
}
