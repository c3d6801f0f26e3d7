/**
 * Courier 1.0 in a place of its own, as a sending client: it queues what was deferred and offers it
 * again, all together (senders). Its reports of failure go the way of all mail, to the backend.
 */
import { cp, readdir, symlink } from 'node:fs/promises'
import path from 'node:path'
import { packageRoot } from './packages.ts'
import { Place } from './place.ts'
import { composeMessage, type Submission } from './submission.ts'
import { until, untilSteady } from './until.ts'

export interface Courier extends AsyncDisposable {
  readonly submit: (submission: Submission) => Promise<void>
  /** The control files of what waits: envelope, attempts, replies. It logs to syslog alone. */
  readonly log: () => Promise<string>
  /** Waits until no message is in the queue. */
  readonly empty: () => Promise<void>
}

const state = '/var/lib/courier'

/** Starts a Courier that sends everything to one server and tries again after a second. */
export async function startCourier(relayTo: {
  readonly host: string
  readonly port: number
}): Promise<Courier> {
  const place = await Place.make('courier')
  await cp(path.join(await packageRoot('courier'), 'etc/courier'), place.host('/etc/courier'), {
    recursive: true,
  })
  await place.write('/etc/environment', '')
  const settings = {
    me: 'courier.test',
    defaultdomain: 'courier.test',
    locals: 'courier.test',
    dsnfrom: 'Mail Delivery System <MAILER-DAEMON@courier.test>',
    esmtproutes: `:[${relayTo.host}],${relayTo.port}`,
    retryalpha: '1',
    retrybeta: '1',
    retrygamma: '1',
    retrymaxdelta: '0',
    queuefill: '1',
  }
  for (const [name, value] of Object.entries(settings))
    await place.write(`/etc/courier/${name}`, `${value}\n`)
  const own = { user: 'courier', group: 'courier' } as const
  for (const name of ['allfilters', 'filters', 'msgq', 'msgs', 'track', 'tmp', 'sts']) {
    await place.directory(`${state}/${name}`, { ...own, mode: 0o770 })
  }
  // No MTA-STS: it would ask the DNS, which is not there.
  await place.write(`${state}/sts/.cache_size`, '0\n')
  await place.directory('/run/courier', { ...own, mode: 0o755 })
  await symlink('../run', place.host('/var/run'))

  // A message is in tmp from its submission until courierd has noticed it and moved it to msgs:
  // that one is looked at last.
  const waiting = async (): Promise<string[]> => {
    const names: string[] = []
    for (const folder of ['tmp', 'msgs']) {
      // A folder that goes away meanwhile had a message until now: C of nothing.
      const found = await readdir(place.host(`${state}/${folder}`), { recursive: true }).catch(
        () => ['C'],
      )
      names.push(...found.map((name) => `${folder}/${name}`))
    }
    return names.filter((name) => path.basename(name).startsWith('C'))
  }
  const log = async (): Promise<string> => {
    const files = (await waiting()).map(async (name) => await place.read(`${state}/${name}`))
    return [await place.read('/daemon.log'), ...(await Promise.all(files))].join('\n')
  }
  const daemon = await place.start('/bin/dash', [
    '-c',
    'set -a; . /etc/courier/courierd; exec /usr/lib/courier/courier/courierd',
  ])
  try {
    const ready = async (): Promise<boolean> =>
      (await readdir(place.host(`${state}/tmp`))).includes('trigger')
    await until('Courier waits for mail', async () => daemon.exitCode !== null || (await ready()))
    if (daemon.exitCode !== null) throw new Error(`courierd ended with ${daemon.exitCode}`)
  } catch (error) {
    const said = await log()
    await place[Symbol.asyncDispose]()
    throw new Error(`Courier did not start:\n${said}`, { cause: error })
  }
  return {
    submit: async (submission) => {
      const input = composeMessage(submission).replaceAll('\r\n', '\n')
      const ran = await place.run('/usr/sbin/sendmail', ['-f', submission.from, ...submission.to], {
        input,
      })
      if (ran.code !== 0)
        throw new Error(`Courier's sendmail ended with ${ran.code}: ${ran.transcript}`)
    },
    log,
    empty: async () => {
      await untilSteady(
        'the queue of Courier is empty',
        async () => (await waiting()).length === 0,
        { explain: log },
      )
    },
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
    },
  }
}
