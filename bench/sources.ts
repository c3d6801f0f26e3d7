/**
 * What a million recipients cost in a source of policies: opening it, memory, look-ups, a reload,
 * and how long a turn of the event loop took meanwhile, in processor time.
 *
 *     node bench/sources.ts texthash|file|postgres|mysql [RECIPIENTS] [CACHE_ENTRIES]
 *
 * The databases are Debian's, as the tests start them (as root on Debian).
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import {
  openPolicySource,
  type OpenPolicySource,
  type PolicySourceSettings,
} from '../src/app/policy-source.ts'
import {
  type DatabaseKind,
  password,
  startDatabase,
} from '../test/interop/databases/database-server.ts'

const [, , kind = 'texthash', count = '1e6', cacheEntries = '50000'] = process.argv
const wanted = Number(count)
const policies = ['strict', 'careful', 'tag-only']
const addressOf = (n: number): string => `firstname.lastname${n}@example.org`
const { signal } = new AbortController()
const directory = await mkdtemp(join(tmpdir(), 'rcptwise-bench-'))

/** Of this thread, in ms: on a machine that others use, to wait for a core is no pause. */
const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
let longest = 0
let last = cpuMs()
setInterval(() => {
  const now = cpuMs()
  longest = Math.max(longest, now - last)
  last = now
}, 1).unref()

interface Subject {
  readonly settings: PolicySourceSettings
  readonly end: () => Promise<void>
}

async function fileWith(name: 'texthash' | 'file'): Promise<Subject> {
  const path = join(directory, name)
  const out = createWriteStream(path)
  for (let n = 0; n < wanted; n++) {
    const line = `${addressOf(n)}${name === 'file' ? ': ' : ' '}${policies[n % 3] ?? ''}\n`
    if (!out.write(line)) await once(out, 'drain')
  }
  out.end()
  await finished(out)
  return { settings: { kind: name, path, policies }, end: async () => await Promise.resolve() }
}

/** Made by the server itself, as `addressOf` and `policies` have them. */
const allRows: Readonly<Record<DatabaseKind, string>> = {
  postgres: `SELECT 'firstname.lastname' || n || '@example.org',
    (ARRAY['${policies.join("', '")}'])[n % 3 + 1] FROM generate_series(0, ${wanted - 1}) AS n`,
  mysql: `SELECT CONCAT('firstname.lastname', seq, '@example.org'),
    ELT(seq % 3 + 1, '${policies.join("', '")}') FROM seq_0_to_${wanted - 1}`,
}

async function tableIn(name: DatabaseKind): Promise<Subject> {
  const server = await startDatabase(name)
  await server.run('CREATE TABLE wishes (address VARCHAR(200) PRIMARY KEY, policy VARCHAR(20))')
  await server.run(`INSERT INTO wishes ${allRows[name]}`)
  // As a table that is in use: without statistics a server reads all of it for a long list of keys.
  await server.run(name === 'mysql' ? 'ANALYZE TABLE wishes' : 'ANALYZE wishes')
  const query = 'SELECT address AS recipient, policy FROM wishes WHERE address IN (:keys)'
  const where = { host: '127.0.0.1', port: server.port, database: 'mail', user: 'rcptwise' }
  return {
    settings: {
      kind: name,
      limitMs: 60_000,
      server: { ...where, password, connections: 4, limitMs: 60_000, query },
      cache: { foundMs: 3_600_000, unknownMs: 0, staleMs: 0, mostRecipients: Number(cacheEntries) },
    },
    end: async () => await server[Symbol.asyncDispose](),
  }
}

/** Time, growth of memory, and the longest turn, of what is done. */
async function measured<Result>(what: string, does: () => Promise<Result>): Promise<Result> {
  await sleep(200)
  global.gc?.()
  await sleep(50)
  const before = process.memoryUsage().rss
  longest = 0
  const began = performance.now()
  const result = await does()
  const ms = performance.now() - began
  await sleep(5)
  const turn = longest
  global.gc?.()
  const grown = (process.memoryUsage().rss - before) / 1024 ** 2
  process.stdout.write(
    `${what.padEnd(42)} ${ms.toFixed(1).padStart(9)} ms   longest turn ${turn.toFixed(0).padStart(4)} ms   ${grown.toFixed(0).padStart(5)} MB\n`,
  )
  return result
}

const ask = async (source: OpenPolicySource, from: number, many: number): Promise<void> => {
  const recipients = Array.from({ length: many }, (_, i) => addressOf((from + i) % wanted))
  const answers = await source.policiesFor(recipients, signal)
  const odd = answers.find((answer) => answer.kind !== 'named')
  if (odd !== undefined) throw new Error(JSON.stringify(odd))
  // What is at hand is given without a turn; clients come in turns.
  await setImmediate()
}

const { settings, end } =
  kind === 'postgres' || kind === 'mysql'
    ? await tableIn(kind)
    : await fileWith(kind === 'file' ? 'file' : 'texthash')
try {
  await measured('nothing, for two seconds', async () => await sleep(2000))
  const source = await measured(
    'open',
    async () => await openPolicySource(settings, { onFact: () => undefined, now: Date.now }),
  )
  await measured('the first question, for one', async () => await ask(source, 1, 1))
  for (const many of [1, 100, 1000])
    await measured(`50 questions for ${many} that nobody asked for`, async () => {
      for (let i = 0; i < 50; i++) await ask(source, 1000 + 50_000 * many + i * many, many)
    })
  await measured('all of them, a thousand at a time', async () => {
    for (let n = 0; n < wanted; n += 1000) await ask(source, n, 1000)
  })
  await measured('all of them again', async () => {
    for (let n = 0; n < wanted; n += 1000) await ask(source, n, 1000)
  })
  await measured('reload', async () => await source.renew())
  await measured('a question for one behind it', async () => await ask(source, 5, 1))
  await source.close()
} finally {
  await end()
  await rm(directory, { recursive: true })
}
