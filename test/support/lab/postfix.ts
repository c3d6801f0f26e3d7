/**
 * Postfix 3.7 in a place of its own, as a sending client, as a backend, or both; and its
 * smtp-source and smtp-sink.
 */
import { utimes } from 'node:fs/promises'
import { bounces, readMaildir, type Bounce } from './maildir.ts'
import { Place } from './place.ts'
import { freePort, greets } from './ports.ts'
import {
  accessTable,
  headerChecks,
  mailboxDirectory,
  mailboxTable,
  mainCf,
  masterCf,
  type PostfixOptions,
} from './postfix-config.ts'
import type { Ran } from './run.ts'
import { submitMessage, type Submission } from './submission.ts'
import { until, untilSteady } from './until.ts'

export interface PostfixQueueEntry {
  readonly id: string
  /** Recipients that have no answer yet. */
  readonly waiting: readonly string[]
}

export interface Postfix extends AsyncDisposable {
  readonly port: number
  /** Ends it at once, as when the power fails; what it has taken stays in its queue. */
  readonly kill: () => Promise<void>
  /** Starts it again after `kill`, at the same port and with the same queue. */
  readonly restart: () => Promise<void>
  /** Hands a message to it over SMTP and gives its queue id. */
  readonly submit: (submission: Submission) => Promise<string>
  readonly queue: () => Promise<PostfixQueueEntry[]>
  readonly log: () => Promise<string>
  /** Messages in the Maildir of an address. */
  readonly mailbox: (address: string) => Promise<string[]>
  /**
   * Recipients reported as failed to an address with a mailbox here (default `sender@client.test`).
   */
  readonly bounces: (address?: string) => Promise<Bounce[]>
  /** Waits until no message is in the queue. */
  readonly empty: () => Promise<void>
  /** Runs smtp-source(1) or another of its programs. */
  readonly run: (
    program: 'smtp-source' | 'postqueue' | 'postconf',
    args: readonly string[],
  ) => Promise<Ran>
}

const defaultMailboxes = ['sender@client.test']

/**
 * Starts a Postfix that listens on a port of 127.0.0.1 and tries again after two seconds.
 * Ends with `await using` or its dispose.
 */
export async function startPostfix(options: Omit<PostfixOptions, 'port'> = {}): Promise<Postfix> {
  const place = await Place.make('postfix')
  const port = await freePort()
  const server = { mailboxes: defaultMailboxes, ...options.server }
  await writeOld(place, {
    'main.cf': mainCf({ ...options, server, port }),
    'master.cf': masterCf({ ...options, port }),
    mailboxes: mailboxTable(server),
    'at-rcpt': accessTable(server),
    'header-checks': headerChecks(server),
    'certificate.pem': `${server.certificate?.key ?? ''}${server.certificate?.cert ?? ''}`,
  })
  await makeDirectories(place)

  const log = async (): Promise<string> =>
    `${await place.read('/var/log/postfix.log')}${await place.read('/daemon.log')}`
  const queue = async (): Promise<PostfixQueueEntry[]> =>
    parseQueue((await place.run('/usr/sbin/postqueue', ['-j'])).stdout)
  const mailbox = async (address: string): Promise<string[]> =>
    await readMaildir(place.host(`/var/mail/${mailboxDirectory(address)}`))

  const proxied = options.main?.includes('smtpd_upstream_proxy_protocol = haproxy') === true
  const preamble = proxied ? 'PROXY UNKNOWN\r\n' : ''
  const start = async (): Promise<void> => {
    const daemon = await place.start('/usr/lib/postfix/sbin/master', ['-d'])
    await until(
      'Postfix listens',
      async () => daemon.exitCode !== null || (await greets(port, preamble)),
    )
    if (daemon.exitCode !== null) throw new Error(`Postfix ended with ${daemon.exitCode}`)
  }
  try {
    await start()
  } catch (error) {
    const said = await log()
    await place[Symbol.asyncDispose]()
    throw new Error(`Postfix did not start:\n${said}`, { cause: error })
  }
  return {
    port,
    kill: async () => await place.kill(),
    restart: start,
    submit: async (submission) => {
      const reply = await submitMessage(port, submission)
      const id = /queued as (\S+)/.exec(reply)?.[1]
      if (id === undefined) throw new Error(`Postfix gave no queue id: ${reply}`)
      return id
    },
    queue,
    log,
    mailbox,
    bounces: async (address = 'sender@client.test') => bounces(await mailbox(address)),
    empty: async () => {
      await untilSteady('the queue of Postfix is empty', async () => (await queue()).length === 0, {
        explain: async () => `${await log()}${JSON.stringify(await queue())}`,
      })
    },
    run: async (program, args) => await place.run(`/usr/sbin/${program}`, args),
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
    },
  }
}

/**
 * Writes files of /etc/postfix as of a minute ago: Postfix waits two seconds before it reads one
 * that has just changed.
 */
async function writeOld(place: Place, files: Readonly<Record<string, string>>): Promise<void> {
  const then = Date.now() / 1000 - 60
  for (const [name, text] of Object.entries(files)) {
    await place.write(`/etc/postfix/${name}`, text)
    await utimes(place.host(`/etc/postfix/${name}`), then, then)
  }
}

/** The directories that Debian's package makes when it is installed (postfix-files, postinst). */
async function makeDirectories(place: Place): Promise<void> {
  const spool = '/var/spool/postfix'
  const own = { user: 'postfix', group: 'root', mode: 0o700 } as const
  await place.directory(spool, { user: 'root', group: 'root', mode: 0o755 })
  await place.directory(`${spool}/pid`, { user: 'root', group: 'root', mode: 0o755 })
  for (const name of [
    'active',
    'bounce',
    'corrupt',
    'defer',
    'deferred',
    'flush',
    'hold',
    'incoming',
  ]) {
    await place.directory(`${spool}/${name}`, own)
  }
  for (const name of ['private', 'saved', 'trace']) await place.directory(`${spool}/${name}`, own)
  await place.directory(`${spool}/public`, { user: 'postfix', group: 'postdrop', mode: 0o710 })
  await place.directory(`${spool}/maildrop`, { user: 'postfix', group: 'postdrop', mode: 0o730 })
  await place.directory('/var/lib/postfix', own)
  await place.directory('/var/mail', { user: 'vmail', group: 'vmail', mode: 0o755 })
  await place.directory('/var/log', { user: 'root', group: 'root', mode: 0o755 })
}

/** Reads what `postqueue -j` prints: a JSON object a line. */
export function parseQueue(text: string): PostfixQueueEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const entry = JSON.parse(line) as {
        queue_id: string
        recipients: readonly { address: string }[]
      }
      return { id: entry.queue_id, waiting: entry.recipients.map(({ address }) => address) }
    })
}
