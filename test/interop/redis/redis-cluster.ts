/** A cluster of Debian's redis-server: three masters with a third of the slots each, or more. */
import { freePort } from '../../support/lab/ports.ts'
import { Place } from '../../support/lab/place.ts'
import { until } from '../../support/lab/until.ts'
import { startRedis, writeCertificates, type RedisServer, type Secured } from './redis-server.ts'

export interface RedisCluster extends AsyncDisposable {
  /** Masters first, then the replicas of each in the same order. */
  readonly nodes: readonly RedisServer[]
  readonly urls: readonly string[]
  /** Empties all of it. */
  readonly flush: () => Promise<void>
  /** `redis-cli --cluster COMMAND ARGUMENTS`; what it says. */
  readonly manage: (...command: readonly string[]) => Promise<string>
  /** All nodes that run agree that every slot is served. */
  readonly whole: () => Promise<void>
}

export async function startCluster(
  masters: number,
  replicas = 0,
  settings: Readonly<Record<string, string>> = {},
  tls?: Secured,
): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from(
      { length: masters * (1 + replicas) },
      async () =>
        await startRedis(
          {
            'cluster-enabled': 'yes',
            'cluster-port': String(await freePort()),
            'cluster-node-timeout': '1500',
            'repl-diskless-sync-delay': '0',
            ...(tls !== undefined && { 'tls-cluster': 'yes' }),
            ...settings,
          },
          tls,
        ),
    ),
  )
  const tools = await Place.make('redis')
  if (tls !== undefined) await writeCertificates(tools, tls)
  const dispose = async (): Promise<void> => {
    for (const each of [...nodes, tools]) await each[Symbol.asyncDispose]()
  }
  const manage = async (...command: readonly string[]): Promise<string> => {
    const secure = tls === undefined ? [] : ['--tls', '--cacert', '/ca.pem']
    const ran = await tools.run('/usr/bin/redis-cli', [...secure, '--cluster', ...command])
    if (ran.code !== 0) throw new Error(`redis-cli --cluster ${command.join(' ')}:\n${ran.stdout}`)
    return ran.stdout
  }
  const isWhole = async (node: RedisServer): Promise<boolean> => {
    const info = await node.ask('CLUSTER', 'INFO').catch(() => '')
    return info === '' || String(info).includes('cluster_state:ok')
  }
  const whole = async (): Promise<void> => {
    await until('the cluster is whole', async () => {
      const all = await Promise.all(nodes.map(isWhole))
      return all.every((one) => one)
    })
  }
  try {
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
    await manage('create', ...addresses, '--cluster-replicas', String(replicas), '--cluster-yes')
    await whole()
    // One that has nothing yet is not promoted.
    await until('the replicas have what their masters have', async () => {
      const roles = await Promise.all(nodes.map(async (node) => String(await node.ask('ROLE'))))
      return roles.every((role) => role.startsWith('master') || role.includes(',connected,'))
    })
  } catch (error) {
    await dispose()
    throw error
  }
  const isMaster = async (node: RedisServer): Promise<boolean> =>
    String(await node.ask('ROLE')).startsWith('master')
  return {
    nodes,
    urls: nodes.map(({ url }) => url),
    manage,
    whole,
    flush: async () => {
      for (const node of nodes) if (await isMaster(node)) await node.ask('FLUSHALL')
    },
    [Symbol.asyncDispose]: dispose,
  }
}
