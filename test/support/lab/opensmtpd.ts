/** OpenSMTPD 6.8 in a place of its own, as a sending client, as a backend, or both. */
import { chmod, chown, copyFile, readdir, symlink } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { proxyVersion2Local } from '../../../src/smtp/proxy-header.ts'
import { readMaildir } from './maildir.ts'
import { Place } from './place.ts'
import { freePort, greets } from './ports.ts'
import { submitMessage, type Submission } from './submission.ts'
import { until, untilSteady } from './until.ts'

export interface OpensmtpdOptions {
  /** Where everything without a mailbox here goes; absent: nowhere, others get 550. */
  readonly relayTo?: { readonly host: string; readonly port: number }
  /** Addresses that have a mailbox. */
  readonly mailboxes?: readonly string[]
  /** Lines for smtpd.conf that go before those here, such as a filter. */
  readonly lines?: readonly string[]
  /** What follows `listen on 127.0.0.1 port N`, such as `filter "lab"`. */
  readonly listen?: string
}

export interface Opensmtpd extends AsyncDisposable {
  readonly port: number
  /** Hands a message to it over SMTP. */
  readonly submit: (submission: Submission) => Promise<void>
  readonly log: () => Promise<string>
  /** Messages in the Maildir of an address. */
  readonly mailbox: (address: string) => Promise<string[]>
  /**
   * Has it try again now what waits: its own first retry comes after 400 s (senders), which can't
   * be configured.
   */
  readonly hurry: () => Promise<void>
  /** Waits until no message is in the queue, and has it try again all the time what is there. */
  readonly empty: () => Promise<void>
}

const control = '/usr/local/smtpctl'

/**
 * smtpd.conf(5). An address with a mailbox is a virtual user of the one system user who owns all
 * Maildirs.
 */
const configuration = (
  port: number,
  { relayTo, mailboxes = [], lines = [], listen = '' }: OpensmtpdOptions,
): string =>
  [
    'table mailboxes file:/etc/mailboxes',
    ...lines,
    `listen on 127.0.0.1 port ${port} hostname opensmtpd.test ${listen}`,
    'action "mailbox" maildir "/var/mail/%{rcpt.user}@%{rcpt.domain}" virtual <mailboxes>',
    ...domainsOf(mailboxes).map(
      (domain) => `match from any for domain "${domain}" action "mailbox"`,
    ),
    ...(relayTo === undefined
      ? []
      : [
          `action "out" relay host smtp://${relayTo.host}:${relayTo.port}`,
          'match from any for any action "out"',
        ]),
    '',
  ].join('\n')

const domainsOf = (addresses: readonly string[]): string[] => [
  ...new Set(addresses.map((address) => address.slice(address.lastIndexOf('@') + 1))),
]

/**
 * Starts an OpenSMTPD that listens on a port of 127.0.0.1. Ends with `await using` or its dispose.
 */
export async function startOpensmtpd(options: OpensmtpdOptions): Promise<Opensmtpd> {
  const place = await Place.make('opensmtpd')
  const port = await freePort()
  await place.write('/etc/smtpd.conf', configuration(port, options))
  await place.write(
    '/etc/mailboxes',
    (options.mailboxes ?? []).map((address) => `${address}: vmail\n`).join(''),
  )
  await place.write('/etc/mailname', 'opensmtpd.test\n')
  for (const directory of ['/var/lib/opensmtpd/empty', '/run', '/usr/local']) {
    await place.directory(directory, { user: 'root', group: 'root', mode: 0o755 })
  }
  await place.directory('/var/spool/smtpd', { user: 'root', group: 'root', mode: 0o711 })
  await place.directory('/var/mail', { user: 'vmail', group: 'vmail', mode: 0o755 })
  await symlink('../run', place.host('/var/run'))
  // It wants to be setgid; the original is shared with other places.
  await copyFile(place.host('/usr/sbin/smtpctl'), place.host(control))
  await chown(place.host(control), 0, place.groupId('opensmtpq'))
  await chmod(place.host(control), 0o2755)

  const log = async (): Promise<string> => await place.read('/daemon.log')
  const queued = async (): Promise<number> => {
    const folders = ['queue', 'incoming'].map(async (name) => {
      const entries = await readdir(place.host(`/var/spool/smtpd/${name}`), {
        recursive: true,
        withFileTypes: true,
      })
      return entries.filter((entry) => entry.isFile()).length
    })
    // A folder that goes away meanwhile had a message until now.
    const counts = await Promise.all(folders).catch(() => [1])
    return counts.reduce((total, files) => total + files, 0)
  }
  const hurry = async (): Promise<void> => {
    // Those of a message come back one by one. Asked for before all have, it would offer them
    // apart, as it never does by itself.
    const { stdout } = await place.run(control, ['show', 'queue'])
    const envelopes = stdout.split('\n').filter((line) => line !== '')
    if (envelopes.every((line) => line.includes('|pending|')))
      await place.run(control, ['schedule', 'all'])
    await sleep(300)
  }
  const preamble = options.listen?.includes('proxy-v2') === true ? proxyVersion2Local : ''
  const daemon = await place.start('/usr/sbin/smtpd', ['-d', '-f', '/etc/smtpd.conf'])
  try {
    await until(
      'OpenSMTPD listens',
      async () => daemon.exitCode !== null || (await greets(port, preamble)),
    )
    if (daemon.exitCode !== null) throw new Error(`OpenSMTPD ended with ${daemon.exitCode}`)
  } catch (error) {
    const said = await log()
    await place[Symbol.asyncDispose]()
    throw new Error(`OpenSMTPD did not start:\n${said}`, { cause: error })
  }
  return {
    port,
    submit: async (submission) => {
      await submitMessage(port, submission)
    },
    log,
    mailbox: async (address) => await readMaildir(place.host(`/var/mail/${address}`)),
    hurry,
    empty: async () => {
      const look = async (): Promise<boolean> => {
        if ((await queued()) === 0) return true
        await hurry()
        return false
      }
      await untilSteady('the queue of OpenSMTPD is empty', look, { explain: log })
    },
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
    },
  }
}
