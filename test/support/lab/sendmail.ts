/**
 * sendmail 8.17 in a place of its own, as a sending client: it queues what was deferred and offers
 * it again at the next queue run (senders). Its reports of failure go the way of all mail, to the
 * backend.
 */
import { readdir, symlink } from 'node:fs/promises'
import { Place } from './place.ts'
import { freePort, greets } from './ports.ts'
import { submitMessage, type Submission } from './submission.ts'
import { until, untilSteady } from './until.ts'

export interface Sendmail extends AsyncDisposable {
  readonly port: number
  /** Hands a message to it over SMTP. */
  readonly submit: (submission: Submission) => Promise<void>
  /**
   * Every SMTP dialogue, as a client and as a server: what it said behind `>>>`, what it heard
   * behind `<<<`.
   */
  readonly log: () => Promise<string>
  /** Waits until no message is in the queue. */
  readonly empty: () => Promise<void>
}

/**
 * The macro configuration (sendmail's cf/README): everything goes to one server, and nothing asks
 * the DNS.
 */
const configuration = (
  port: number,
  relayTo: { readonly host: string; readonly port: number },
): string =>
  `include(\`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(\`debian')dnl
DOMAIN(\`debian-mta')dnl
FEATURE(\`no_default_msa')dnl
FEATURE(\`nocanonify')dnl
FEATURE(\`promiscuous_relay')dnl
FEATURE(\`accept_unresolvable_domains')dnl
define(\`confDOMAIN_NAME', \`sendmail.test')dnl
define(\`confTO_IDENT', \`0')dnl
define(\`SMART_HOST', \`relay:[${relayTo.host}]')dnl
define(\`RELAY_MAILER_ARGS', \`TCP $h ${relayTo.port}')dnl
DAEMON_OPTIONS(\`Name=MTA, Addr=127.0.0.1, Port=${port}')dnl
MAILER(\`local')dnl
MAILER(\`smtp')dnl
`

const program = '/usr/libexec/sendmail/sendmail'
const spool = '/var/spool/mqueue'

/**
 * Starts a sendmail that listens on a port of 127.0.0.1, delivers at once and runs its queue each
 * second.
 */
export async function startSendmail(relayTo: {
  readonly host: string
  readonly port: number
}): Promise<Sendmail> {
  const place = await Place.make('sendmail')
  const port = await freePort()
  await place.write('/etc/mail/lab.mc', configuration(port, relayTo))
  await place.write(
    '/etc/mail/sendmail.cf',
    (await place.run('/usr/bin/m4', ['/etc/mail/lab.mc'])).stdout,
  )
  await place.write('/etc/mail/local-host-names', '')
  await place.write('/etc/mail/aliases', '')
  await place.write('/etc/mail/service.switch', 'hosts files\npasswd files\naliases files\n')
  const own = { user: 'smmta', group: 'smmsp' } as const
  await place.directory(spool, { ...own, mode: 0o750 })
  await place.directory('/var/lib/sendmail', { ...own, mode: 0o755 })
  await place.directory('/run/sendmail/mta', { ...own, mode: 0o755 })
  await symlink('../run', place.host('/var/run'))
  await place.run(program, ['-bi'])

  const log = async (): Promise<string> =>
    `${await place.read('/var/log/dialogue')}${await place.read('/daemon.log')}${(await place.run(program, ['-bp'])).transcript}`
  await place.directory('/var/log', { user: 'root', group: 'root', mode: 0o755 })
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
    submit: async (submission) => {
      await submitMessage(port, submission)
    },
    log,
    empty: async () => {
      await untilSteady(
        'the queue of sendmail is empty',
        async () => (await readdir(place.host(spool))).length === 0,
        {
          explain: log,
        },
      )
    },
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
    },
  }
}
