/**
 * Debian's redis-server in a place of its own, on a port of 127.0.0.1, with nothing kept on disk
 * unless asked for.
 */
import { once } from 'node:events'
import type { ChildProcess } from 'node:child_process'
import { createClient } from '@redis/client'
import { makeAuthority } from '../../../src/tls/development-ca.ts'
import { issue, type Issued } from '../../../src/tls/issue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { Place } from '../../support/lab/place.ts'
import { freePort } from '../../support/lab/ports.ts'
import { until } from '../../support/lab/until.ts'

export interface RedisServer extends AsyncDisposable {
  readonly port: number
  /** `redis://127.0.0.1:PORT`; `rediss:` with TLS. */
  readonly url: string
  /** Sends one command over a connection of its own; numbers in the reply are numbers. */
  readonly ask: (...command: readonly string[]) => Promise<unknown>
  /** Ends it at once. */
  readonly kill: () => Promise<void>
  /** Starts it again on the same port, with what it has kept on its disk. */
  readonly startAgain: () => Promise<void>
  readonly log: () => Promise<string>
}

/** A server's certificate, and the authority that vouches for it. */
export interface Secured extends Issued {
  readonly ca: string
}

/** For servers on 127.0.0.1. */
export async function secured(): Promise<Secured> {
  const now = Date.now()
  const commonName = 'Redis test'
  const authority = await makeAuthority(commonName, 2, now)
  const pair = await issue(
    {
      commonName: '127.0.0.1',
      use: 'peer',
      names: ['127.0.0.1'],
      notBefore: now - 3_600_000,
      notAfter: now + 86_400_000,
      keyBits: 2048,
    },
    { commonName, key: authority.key },
  )
  return { ...pair, ca: authority.cert }
}

/** TLS and nothing else on its port, also between servers; clients have no certificate. */
export function tlsSettings(port: number): Readonly<Record<string, string>> {
  return {
    port: '0',
    'tls-port': String(port),
    'tls-cert-file': '/cert.pem',
    'tls-key-file': '/key.pem',
    'tls-ca-cert-file': '/ca.pem',
    'tls-auth-clients': 'no',
    'tls-replication': 'yes',
  }
}

export async function writeCertificates(place: Place, { ca, cert, key }: Secured): Promise<void> {
  for (const [file, text] of Object.entries({ ca, cert, key }))
    await place.write(`/${file}.pem`, text)
}

/** Settings are in the form of the command line: `{ maxmemory: '2mb' }`. */
export async function startRedis(
  settings: Readonly<Record<string, string>> = {},
  tls?: Secured,
): Promise<RedisServer> {
  const place = await Place.make('redis')
  const port = await freePort()
  if (tls !== undefined) await writeCertificates(place, tls)
  await place.directory('/data', { user: 'root', group: 'root', mode: 0o755 })
  const all = {
    bind: '127.0.0.1',
    port: String(port),
    dir: '/data',
    save: '',
    daemonize: 'no',
    'enable-debug-command': 'yes',
    ...(tls === undefined ? {} : tlsSettings(port)),
    ...settings,
  }
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])
  const log = async (): Promise<string> => await place.read('/daemon.log')
  const password = settings['requirepass']
  const scheme = tls === undefined ? 'redis' : 'rediss'
  const url = `${scheme}://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`
  let daemon: ChildProcess

  const ask = async (...command: readonly string[]): Promise<unknown> =>
    await askRedis(url, command, tls?.ca)
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
export async function askRedis(
  url: string,
  command: readonly string[],
  ca?: string,
): Promise<unknown> {
  const client = createClient({
    url,
    RESP: 2,
    disableClientInfo: true,
    socket: { reconnectStrategy: false, ...(ca !== undefined && { tls: true, ca }) },
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
