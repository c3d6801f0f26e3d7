/**
 * Postfix's smtp-sink(1) and smtp-source(1), out of the lab's packages: the backend and the client
 * of every measurement.
 */
import { Place } from '../test/support/lab/place.ts'
import { freePort, greets } from '../test/support/lab/ports.ts'
import { until } from '../test/support/lab/until.ts'

export interface MailTools extends AsyncDisposable {
  readonly sinkPort: number
  /**
   * Sends so many messages to a port; gives the seconds it took. Rejects with its words when one of
   * them is refused.
   */
  readonly send: (port: number, messages: number, options: readonly string[]) => Promise<number>
}

/** Longest run of smtp-source, in ms: a subject that hangs must not hang the bench. */
const sendLimitMs = 60_000

export async function startMailTools(): Promise<MailTools> {
  const place = await Place.make('postfix')
  try {
    const sinkPort = await freePort()
    // Both read main.cf for the networks they may use.
    await place.write('/etc/postfix/main.cf', 'compatibility_level = 3.6\ninet_protocols = ipv4\n')
    const sink = await place.start('/usr/sbin/smtp-sink', [
      '-u',
      'postfix',
      `127.0.0.1:${sinkPort}`,
      '1024',
    ])
    await until('smtp-sink listens', async () => sink.exitCode !== null || (await greets(sinkPort)))
    if (sink.exitCode !== null)
      throw new Error(`smtp-sink ended: ${await place.read('/daemon.log')}`)
    return {
      sinkPort,
      send: async (port, messages, options) =>
        await send(place, ['-m', String(messages), ...options], port),
      [Symbol.asyncDispose]: async () => {
        await place[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await place[Symbol.asyncDispose]()
    throw error
  }
}

async function send(place: Place, options: readonly string[], port: number): Promise<number> {
  const envelope = ['-f', 'sender@client.test', '-t', 'user@example.org']
  const begun = performance.now()
  const { code, transcript } = await place.run(
    '/usr/sbin/smtp-source',
    [...options, ...envelope, `127.0.0.1:${port}`],
    { limitMs: sendLimitMs },
  )
  if (code !== 0) throw new Error(`smtp-source ended with ${code}: ${transcript.trim()}`)
  return (performance.now() - begun) / 1000
}
