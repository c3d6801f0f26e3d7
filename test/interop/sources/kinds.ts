/** Each kind of source that is asked over a connection, as a real server with wishes in it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { policyService } from '../../policy/http/policy-service.ts'
import { socketmapServer } from '../../policy/socketmap/socketmap-server.ts'
import { freePort } from '../../support/lab/ports.ts'
import { password, startDatabase } from '../databases/database-server.ts'
import { fill } from '../databases/wishes.ts'
import { reader, startSlapd } from '../ldap/slapd.ts'
import { startRedis } from '../redis/redis-server.ts'

export type Wishes = Readonly<Record<string, string>>

export interface WishServer extends AsyncDisposable {
  /** An entry of `recipients.sources`; `more` are keys of every source. */
  readonly source: (more: Readonly<Record<string, string>>) => string
  /** In place of what was there: the name of the policy of each address. */
  readonly put: (wishes: Wishes) => Promise<void>
  /** Questions that it has had, and that were about wishes. */
  readonly questions: () => Promise<number>
  /** Keys are asked in questions of at most so many. */
  readonly mostKeys: number
  readonly kill: () => Promise<void>
  readonly startAgain: () => Promise<void>
}

const entry = (kind: string, settings: object): string =>
  `    - ${kind}: ${JSON.stringify(settings)}\n`

/** A service of the test's own that ends and comes back on the same port. */
async function ownServer<Service extends AsyncDisposable>(
  start: (port: number, wishes: Record<string, string>) => Promise<Service>,
  questionsOf: (service: Service) => number,
): Promise<Omit<WishServer, 'source' | 'mostKeys'> & { readonly port: number }> {
  const port = await freePort()
  const wishes: Record<string, string> = {}
  let service = await start(port, wishes)
  let before = 0
  return {
    port,
    async put(next) {
      for (const key of Object.keys(wishes)) Reflect.deleteProperty(wishes, key)
      Object.assign(wishes, next)
      await Promise.resolve()
    },
    questions: async () => await Promise.resolve(before + questionsOf(service)),
    async kill() {
      before += questionsOf(service)
      await service[Symbol.asyncDispose]()
    },
    async startAgain() {
      service = await start(port, wishes)
    },
    [Symbol.asyncDispose]: async () => await service[Symbol.asyncDispose](),
  }
}

async function http(): Promise<WishServer> {
  const server = await ownServer(
    async (port, entries) => await policyService({ port, entries }),
    ({ questions }) => questions.length,
  )
  return {
    ...server,
    mostKeys: 4096,
    source: (more) => entry('http', { url: `http://127.0.0.1:${server.port}/policies`, ...more }),
  }
}

async function socketmap(): Promise<WishServer> {
  const server = await ownServer(
    async (port, policies) => await socketmapServer({ policies }, { port }),
    ({ requests }) => requests.length,
  )
  return {
    ...server,
    mostKeys: 1,
    source: (more) =>
      entry('socketmap', {
        server: `inet:127.0.0.1:${server.port}`,
        map: 'policies',
        ...more,
      }),
  }
}

async function redis(): Promise<WishServer> {
  const server = await startRedis({ appendonly: 'yes' })
  return {
    mostKeys: 4096,
    source: (more) => entry('redis', { url: server.url, strings: 'policy:', ...more }),
    async put(wishes) {
      await server.ask('FLUSHALL')
      const all = Object.entries(wishes).flatMap(([key, name]) => [`policy:${key}`, name])
      if (all.length > 0) await server.ask('MSET', ...all)
    },
    async questions() {
      const stats = String(await server.ask('INFO', 'commandstats'))
      return Number(/cmdstat_mget:calls=(\d+)/.exec(stats)?.[1] ?? 0)
    },
    kill: async () => await server.kill(),
    startAgain: async () => await server.startAgain(),
    [Symbol.asyncDispose]: async () => await server[Symbol.asyncDispose](),
  }
}

async function ldap(): Promise<WishServer> {
  const server = await startSlapd()
  const directory = mkdtempSync(join(tmpdir(), 'rcptwise-ldap-'))
  writeFileSync(join(directory, 'password'), reader.password)
  const base = await server.branch()
  let entries: string[] = []
  return {
    mostKeys: 500,
    source: (more) =>
      entry('ldap', {
        url: server.url,
        bind_dn: reader.dn,
        password_file: join(directory, 'password'),
        base,
        filter: '(&(objectClass=recipient)(address={key}))',
        recipient: ['address'],
        attributes: { policy: 'wish' },
        ...more,
      }),
    async put(wishes) {
      for (const name of entries) await server.remove(name)
      entries = []
      // Many addresses of one wish are one entry.
      for (const wish of new Set(Object.values(wishes))) {
        const address = Object.keys(wishes).filter((key) => wishes[key] === wish)
        const name = `cn=${wish},${base}`
        await server.add(name, { objectClass: ['recipient'], cn: wish, address, wish })
        entries.push(name)
      }
    },
    questions: async () => await server.searches(),
    kill: async () => await server.kill(),
    startAgain: async () => await server.startAgain(),
    async [Symbol.asyncDispose]() {
      rmSync(directory, { recursive: true })
      await server[Symbol.asyncDispose]()
    },
  }
}

async function database(kind: 'postgres' | 'mysql'): Promise<WishServer> {
  const server = await startDatabase(kind)
  const directory = mkdtempSync(join(tmpdir(), 'rcptwise-database-'))
  writeFileSync(join(directory, 'password'), password)
  const count =
    kind === 'postgres'
      ? "SELECT sum(calls)::int AS calls FROM pg_stat_statements WHERE query LIKE '%AS recipient%'"
      : "SELECT variable_value AS calls FROM information_schema.global_status WHERE variable_name = 'Com_stmt_execute'"
  if (kind === 'postgres') await server.run('CREATE EXTENSION pg_stat_statements')
  await fill(server, {})
  return {
    mostKeys: 4096,
    source: (more) =>
      entry(kind, {
        port: server.port,
        database: 'mail',
        user: 'rcptwise',
        password_file: join(directory, 'password'),
        query: 'SELECT address AS recipient, policy FROM wishes WHERE address IN (:keys)',
        ...more,
      }),
    put: async (wishes) => await fill(server, wishes),
    async questions() {
      const [row] = (await server.run(count)) as readonly { readonly calls: unknown }[]
      return Number(row?.calls ?? 0)
    },
    kill: async () => await server.kill(),
    startAgain: async () => await server.startAgain(),
    async [Symbol.asyncDispose]() {
      rmSync(directory, { recursive: true })
      await server[Symbol.asyncDispose]()
    },
  }
}

export const kinds: Readonly<Record<string, () => Promise<WishServer>>> = {
  http,
  redis,
  ldap,
  socketmap,
  postgres: async () => await database('postgres'),
  mysql: async () => await database('mysql'),
}
