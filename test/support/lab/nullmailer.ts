/**
 * nullmailer 2.2 in a place of its own: a client that drops a whole message at the first refused
 * recipient (senders).
 */
import { readdir } from 'node:fs/promises'
import { Place } from './place.ts'
import { composeMessage, type Submission } from './submission.ts'
import { until, untilSteady } from './until.ts'

export interface Nullmailer extends AsyncDisposable {
  readonly submit: (submission: Submission) => Promise<void>
  /**
   * Messages that wait, whole, with their envelope in front: sender, recipients, an empty line, the
   * text.
   */
  readonly queue: () => Promise<string[]>
  /** Messages it has given up, in the same form. */
  readonly failed: () => Promise<string[]>
  readonly log: () => Promise<string>
  /** Waits until no message is in the queue. */
  readonly empty: () => Promise<void>
}

/**
 * Starts a nullmailer that sends everything to one server and tries again after 1 s, then after 2 s
 * at most.
 */
export async function startNullmailer(relayTo: {
  readonly host: string
  readonly port: number
}): Promise<Nullmailer> {
  const place = await Place.make('nullmailer')
  const spool = '/var/spool/nullmailer'
  await place.write('/etc/nullmailer/remotes', `${relayTo.host} smtp --port=${relayTo.port}\n`)
  await place.write('/etc/mailname', 'nullmailer.test\n')
  await place.write('/etc/nullmailer/pausetime', '1\n')
  await place.write('/etc/nullmailer/maxpause', '2\n')
  for (const name of ['', '/queue', '/tmp', '/failed']) {
    await place.directory(`${spool}${name}`, { user: 'mail', group: 'mail', mode: 0o750 })
  }
  await place.fifo(`${spool}/trigger`, { user: 'mail', group: 'mail', mode: 0o622 })

  const messages = async (folder: string): Promise<string[]> => {
    const names = await readdir(place.host(`${spool}/${folder}`))
    return await Promise.all(
      names.map(async (name) => await place.read(`${spool}/${folder}/${name}`)),
    )
  }
  const log = async (): Promise<string> => await place.read('/daemon.log')

  await place.start('/usr/sbin/nullmailer-send', [])
  await until('nullmailer waits for mail', async () => (await log()).includes('Rescanning queue'), {
    explain: log,
  })
  return {
    submit: async (submission) => {
      const envelope = [submission.from, ...submission.to, ''].join('\n')
      const text = composeMessage(submission).replaceAll('\r\n', '\n')
      const queued = await place.run('/usr/sbin/nullmailer-queue', [], {
        input: `${envelope}\n${text}`,
      })
      if (queued.code !== 0)
        throw new Error(`nullmailer-queue ended with ${queued.code}: ${queued.transcript}`)
    },
    queue: async () => await messages('queue'),
    failed: async () => await messages('failed'),
    log,
    empty: async () => {
      await untilSteady(
        'the queue of nullmailer is empty',
        async () => (await messages('queue')).length === 0,
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
