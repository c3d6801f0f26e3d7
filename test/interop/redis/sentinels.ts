/**
 * A master, a replica and three sentinels of Debian's redis-server: `redis-sentinel` is the same
 * program by another name.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Place } from '../../support/lab/place.ts'
import { freePort } from '../../support/lab/ports.ts'
import { until } from '../../support/lab/until.ts'
import {
  askRedis,
  startRedis,
  tlsSettings,
  writeCertificates,
  type RedisServer,
  type Secured,
} from './redis-server.ts'

export interface Sentinel {
  /** With the password that a client has to give, if there is one. */
  readonly url: string
  readonly ask: (...command: readonly string[]) => Promise<unknown>
  /** Ends it at once. */
  readonly kill: () => Promise<void>
}

export interface Watched extends AsyncDisposable {
  /** The first one is the master. */
  readonly servers: readonly [RedisServer, RedisServer]
  readonly sentinels: readonly Sentinel[]
}

export const nameOfMaster = 'mymaster'

/** `password` is that of servers and sentinels; with `tls` all of them speak nothing else. */
export async function startWatched(password?: string, tls?: Secured): Promise<Watched> {
  const stack = new AsyncDisposableStack()
  try {
    const secret: Readonly<Record<string, string>> =
      password === undefined ? {} : { requirepass: password, masterauth: password }
    const settings = { 'repl-diskless-sync-delay': '0', ...secret }
    const master = stack.use(await startRedis(settings, tls))
    const replicaof = `127.0.0.1 ${master.port}`
    const replica = stack.use(await startRedis({ ...settings, replicaof }, tls))
    await until('the replica has what the master has', async () =>
      String(await replica.ask('ROLE')).includes(',connected,'),
    )
    const sentinels: Sentinel[] = []
    for (let n = 0; n < 3; n += 1)
      sentinels.push(await startSentinel(stack, { masterPort: master.port, password, tls }))
    await until('the sentinels know one another and the replica', async () => {
      const told = await Promise.all(
        sentinels.map(async (one) => String(await one.ask('SENTINEL', 'MASTER', nameOfMaster))),
      )
      return told.every((text) => /num-slaves,1,num-other-sentinels,2,/.test(text))
    })
    const all = stack.move()
    return {
      servers: [master, replica],
      sentinels,
      [Symbol.asyncDispose]: async () => await all.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

async function startSentinel(
  stack: AsyncDisposableStack,
  {
    masterPort,
    password,
    tls,
  }: {
    readonly masterPort: number
    readonly password: string | undefined
    readonly tls: Secured | undefined
  },
): Promise<Sentinel> {
  const place = stack.use(await Place.make('redis'))
  if (tls !== undefined) await writeCertificates(place, tls)
  const port = await freePort()
  await place.write(
    '/sentinel.conf',
    [
      'bind 127.0.0.1',
      ...Object.entries(tls === undefined ? { port } : tlsSettings(port)).map(
        ([name, value]) => `${name} ${value}`,
      ),
      ...(password === undefined
        ? []
        : [`requirepass ${password}`, `sentinel sentinel-pass ${password}`]),
      `sentinel monitor ${nameOfMaster} 127.0.0.1 ${masterPort} 2`,
      `sentinel down-after-milliseconds ${nameOfMaster} 1000`,
      `sentinel failover-timeout ${nameOfMaster} 3000`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${nameOfMaster} ${password}`]),
      '',
    ].join('\n'),
  )
  const daemon: ChildProcess = await place.start('/usr/bin/redis-server', [
    '/sentinel.conf',
    '--sentinel',
  ])
  const scheme = tls === undefined ? 'redis' : 'rediss'
  const url = `${scheme}://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`
  const ask = async (...command: readonly string[]): Promise<unknown> =>
    await askRedis(url, command, tls?.ca)
  await until('the sentinel answers', async () => (await ask('PING').catch(() => '')) === 'PONG', {
    explain: async () => await place.read('/daemon.log'),
  })
  return {
    url,
    ask,
    kill: async () => {
      const ended = once(daemon, 'exit')
      daemon.kill('SIGKILL')
      await ended
    },
  }
}
