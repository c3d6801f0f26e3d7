/**
 * msmtp 1.8 in a place of its own: a client without a queue, which tells its user at once and never
 * tries again (senders).
 */
import { Place } from './place.ts'
import type { Ran } from './run.ts'
import { composeMessage, type Submission } from './submission.ts'

export interface Msmtp extends AsyncDisposable {
  /**
   * Sends a message; `code` as in sysexits(3): 0 taken, 69 not taken, be it for good or for now.
   * `transcript` is what its user sees.
   */
  readonly send: (submission: Submission) => Promise<Ran>
}

/** Makes an msmtp that sends everything to one server. */
export async function openMsmtp(relayTo: {
  readonly host: string
  readonly port: number
}): Promise<Msmtp> {
  const place = await Place.make('msmtp')
  return {
    send: async (submission) => {
      const to = [
        `--host=${relayTo.host}`,
        `--port=${relayTo.port}`,
        '--domain=msmtp.test',
        '--tls=off',
      ]
      const input = composeMessage(submission).replaceAll('\r\n', '\n')
      return await place.run(
        '/usr/bin/msmtp',
        [...to, `--from=${submission.from}`, '--', ...submission.to],
        { input },
      )
    },
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
    },
  }
}
