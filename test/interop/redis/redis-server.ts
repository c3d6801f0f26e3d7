/**
 * Debian's redis-server in a place of its own, on a port of 127.0.0.1, with nothing kept on disk
 * unless asked for.
 */
import { once } from 'node:events'
import type { ChildProcess } from 'node:child_process'
import { createClient } from '@redis/client'
import { interopObstacle } from '../../support/lab/availability.ts'
import { Place } from '../../support/lab/place.ts'
import { freePort } from '../../support/lab/ports.ts'
import { until } from '../../support/lab/until.ts'

export interface RedisServer extends AsyncDisposable {
  readonly port: number
  /** `redis://127.0.0.1:PORT`. */
  readonly url: string
  /** Sends one command over a connection of its own; numbers in the reply are numbers. */
  readonly ask: (...command: readonly string[]) => Promise<unknown>
  /** Ends it at once. */
  readonly kill: () => Promise<void>
  /** Starts it again on the same port, with what it has kept on its disk. */
  readonly startAgain: () => Promise<void>
  readonly log: () => Promise<string>
}

/** Settings are in the form of the command line: `{ maxmemory: '2mb' }`. */
export async function startRedis(
  settings: Readonly<Record<string, string>> = {},
): Promise<RedisServer> {
  const place = await Place.make('redis')
  const port = await freePort()
  await place.directory('/data', { user: 'root', group: 'root', mode: 0o755 })
  const all = {
    bind: '127.0.0.1',
    port: String(port),
    dir: '/data',
    save: '',
    daemonize: 'no',
    'enable-debug-command': 'yes',
    ...settings,
  }
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])
  const log = async (): Promise<string> => await place.read('/daemon.log')
  const password = settings['requirepass']
  const url = `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`
  let daemon: ChildProcess

  const ask = async (...command: readonly string[]): Promise<unknown> =>
    await askRedis(url, command)
  const start = async (): Promise<void> => {
    daemon = await place.start('/usr/bin/redis-server', args)
    await until(
      'redis-server answers',
      async () => daemon.exitCode !== null || (await ask('PING').catch(() => '')) === 'PONG',
      { explain: log },
    )
    if (daemon.exitCode !== null)
      throw new Error(`redis-server ended with ${daemon.exitCode}:\n${await log()}`)
  }
  try {
    await start()
  } catch (error) {
    await place[Symbol.asyncDispose]()
    throw error
  }
  return {
    port,
    url,
    ask,
    log,
    kill: async () => {
      const ended = once(daemon, 'exit')
      daemon.kill('SIGKILL')
      await ended
    },
    startAgain: start,
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
    },
  }
}

/** Over a connection of its own. */
export async function askRedis(url: string, command: readonly string[]): Promise<unknown> {
  const client = createClient({
    url,
    RESP: 2,
    disableClientInfo: true,
    socket: { reconnectStrategy: false },
  })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await client.sendCommand(command)
  } finally {
    client.destroy()
  }
}

/**
 * The reason why Redis can't run here; told aloud, and a failure when the tests with real programs
 * are required.
 */
export function redisObstacle(): string | undefined {
  const obstacle = interopObstacle()
  if (obstacle === undefined) return undefined
  if (process.env['RCPTWISE_REQUIRE_INTEROP'] === '1')
    throw new Error(`redis-server is required: ${obstacle}`)
  console.error(
    `\n*** SKIPPED: no redis-server, so the ledger on Redis is not tried: ${obstacle} ***\n`,
  )
  return obstacle
}
