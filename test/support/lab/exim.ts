/** Exim 4.96 in a place of its own, as a sending client, as a backend, or both. */
import { readdir } from 'node:fs/promises'
import {
  eximConfig,
  localDomain,
  replyTable,
  type EximOptions,
  type EximServer,
} from './exim-config.ts'
import { bounces, readMaildir, type Bounce } from './maildir.ts'
import { Place } from './place.ts'
import { freePort, greets } from './ports.ts'
import { submitMessage, type Submission } from './submission.ts'
import { until, untilSteady } from './until.ts'

export interface EximQueueEntry {
  readonly id: string
  /** Recipients that have no answer yet. */
  readonly waiting: readonly string[]
}

export interface Exim extends AsyncDisposable {
  readonly port: number
  /** Domain whose mail stays here: submit from an address in it to see its bounces. */
  readonly localDomain: string
  /** Hands a message to it over SMTP and gives its queue id. */
  readonly submit: (submission: Submission) => Promise<string>
  readonly queue: () => Promise<EximQueueEntry[]>
  /** Main log and what the daemon said. */
  readonly log: () => Promise<string>
  /** Messages in the Maildir of an address. */
  readonly mailbox: (address: string) => Promise<string[]>
  /**
   * Recipients reported as failed to an address with a mailbox here (default `sender@client.test`).
   */
  readonly bounces: (address?: string) => Promise<Bounce[]>
  /** Waits until no message is in the queue. */
  readonly empty: () => Promise<void>
  /** Replaces the replies by recipient and by header that it started with. */
  readonly answer: (replies: Pick<EximServer, 'atRcpt' | 'atDot' | 'byHeader'>) => Promise<void>
}

/**
 * Starts an Exim that listens on a port of 127.0.0.1, delivers at once and runs its queue each
 * second. Ends with `await using` or its dispose.
 */
export async function startExim(options: Omit<EximOptions, 'port'> = {}): Promise<Exim> {
  const place = await Place.make(options.packages ?? 'exim')
  const port = await freePort()
  const { server = {} } = options
  await place.write('/etc/exim4/exim4.conf', eximConfig({ ...options, port }))
  const { certificate, passwords = {} } = server
  await place.write(
    '/etc/exim4/certificate.pem',
    `${certificate?.cert ?? ''}${certificate?.key ?? ''}`,
  )
  const secrets = Object.entries(passwords).map(([user, password]) => `${user}: ${password}\n`)
  await place.write('/etc/exim4/passwords', secrets.join(''))
  const users = (server.mailboxes ?? ['sender@client.test']).map(localPart)
  await place.write('/etc/exim4/users', users.map((user) => `${user}: ${user}\n`).join(''))
  const answer: Exim['answer'] = async (replies) => {
    await place.write('/etc/exim4/at-rcpt', replyTable(replies.atRcpt))
    await place.write('/etc/exim4/at-dot', replyTable(replies.atDot))
    await place.write('/etc/exim4/by-header', replyTable(replies.byHeader))
  }
  await answer(server)
  for (const directory of ['/var/spool/exim4', '/var/log/exim4']) {
    await place.directory(directory, { user: 'Debian-exim', group: 'Debian-exim', mode: 0o750 })
  }
  await place.directory('/var/mail', { user: 'vmail', group: 'vmail', mode: 0o755 })
  await place.directory('/run/exim4', { user: 'Debian-exim', group: 'Debian-exim', mode: 0o755 })

  const log = async (): Promise<string> =>
    `${await place.read('/var/log/exim4/mainlog')}${await place.read('/daemon.log')}`
  const queue = async (): Promise<EximQueueEntry[]> =>
    parseQueue((await place.run('/usr/sbin/exim4', ['-bp'])).stdout)
  const queueFiles = async (): Promise<string[]> =>
    await readdir(place.host('/var/spool/exim4/input')).catch(() => [])
  const mailbox = async (address: string): Promise<string[]> =>
    await readMaildir(place.host(`/var/mail/${localPart(address)}`))

  const proxied = options.main?.(port).some((line) => line.startsWith('hosts_proxy')) === true
  const preamble = proxied ? 'PROXY UNKNOWN\r\n' : ''
  const daemon = await place.start('/usr/sbin/exim4', ['-bdf', '-q1s'])
  try {
    await until(
      'Exim listens',
      async () => daemon.exitCode !== null || (await greets(port, preamble)),
    )
    if (daemon.exitCode !== null) throw new Error(`Exim ended with ${daemon.exitCode}`)
  } catch (error) {
    const said = await log()
    await place[Symbol.asyncDispose]()
    throw new Error(`Exim did not start:\n${said}`, { cause: error })
  }
  return {
    port,
    localDomain,
    submit: async (submission) => {
      const reply = await submitMessage(port, submission)
      const id = /id=(\S+)/.exec(reply)?.[1]
      if (id === undefined) throw new Error(`Exim gave no queue id: ${reply}`)
      return id
    },
    queue,
    log,
    answer,
    mailbox,
    bounces: async (address = 'sender@client.test') => bounces(await mailbox(address)),
    empty: async () => {
      await untilSteady(
        'the queue of Exim is empty',
        async () => (await queueFiles()).length === 0,
        { explain: log },
      )
    },
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
    },
  }
}

const localPart = (address: string): string => address.slice(0, address.lastIndexOf('@'))

/**
 * Reads what `exim -bp` prints: a line per message, then its recipients, those with D in front
 * being done.
 */
export function parseQueue(text: string): EximQueueEntry[] {
  const entries: { id: string; waiting: string[] }[] = []
  for (const line of text.split('\n')) {
    const id = /^ *\d+[mhdw] +\S+ +(\w{6}-\w{6}-\w{2}) /.exec(line)?.[1]
    const recipient = /^ {10}(\S+)$/.exec(line)?.[1]
    if (id !== undefined) entries.push({ id, waiting: [] })
    else if (recipient !== undefined) entries.at(-1)?.waiting.push(recipient)
  }
  return entries
}
