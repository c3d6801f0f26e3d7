/**
 * dma 0.13, the DragonFly Mail Agent, in a place of its own: a client that sends to each recipient
 * in a connection of its own (senders). It has no daemon: each call queues, and goes on in the
 * background until its message is done.
 */
import { readdir } from 'node:fs/promises'
import { Place } from './place.ts'
import { composeMessage, type Submission } from './submission.ts'
import { untilSteady } from './until.ts'

export interface Dma extends AsyncDisposable {
  readonly submit: (submission: Submission) => Promise<void>
  /** What waits, as `dma -bp` prints it: it logs to syslog alone. */
  readonly log: () => Promise<string>
  /** Waits until no message is in the queue. */
  readonly empty: () => Promise<void>
}

const program = '/usr/sbin/dma'
const spool = '/var/spool/dma'

/** Makes a dma that sends everything to one server. */
export async function openDma(relayTo: {
  readonly host: string
  readonly port: number
}): Promise<Dma> {
  const place = await Place.make('dma')
  await place.write(
    '/etc/dma/dma.conf',
    `SMARTHOST ${relayTo.host}\nPORT ${relayTo.port}\nMAILNAME dma.test\n`,
  )
  await place.directory(spool, { user: 'root', group: 'mail', mode: 0o2775 })
  const log = async (): Promise<string> => (await place.run(program, ['-bp'])).transcript
  return {
    submit: async (submission) => {
      const input = composeMessage(submission).replaceAll('\r\n', '\n')
      const ran = await place.run(program, ['-f', submission.from, ...submission.to], { input })
      if (ran.code !== 0) throw new Error(`dma ended with ${ran.code}: ${ran.transcript}`)
    },
    log,
    empty: async () => {
      const waiting = async (): Promise<string[]> =>
        (await readdir(place.host(spool))).filter((name) => /^[MQ]/.test(name))
      await untilSteady('the queue of dma is empty', async () => (await waiting()).length === 0, {
        explain: log,
      })
    },
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
    },
  }
}
