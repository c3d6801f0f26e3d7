/** Rcptwise itself, put together as `serve` does it, in front of a backend of the lab. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { stringify } from 'yaml'
import { startApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Fact } from '../../../src/facts/fact.ts'
import type { TransactionFact } from '../../../src/facts/transaction.ts'
import { callWitness } from './witnesses.ts'

export interface FrontEndOptions {
  /** Port of the backend on 127.0.0.1, or its URL. */
  readonly backend: number | string
  /** Policy by address; others are `careful`. */
  readonly recipients?: Readonly<Record<string, string>>
  /** Keys of the class `default`, such as `strategy`. */
  readonly peer?: Readonly<Record<string, string | number>>
  /** Further sections of the configuration. */
  readonly config?: Readonly<Record<string, unknown>>
}

export interface FrontEnd extends AsyncDisposable {
  readonly port: number
  /** Where its admin API is. */
  readonly adminUrl: string
  /** Transactions that have ended, in order. */
  readonly transactions: () => readonly TransactionFact[]
  /** Everything that happened, a line each, for the message of a test that fails. */
  readonly log: () => string
  /** A metric of /metrics, all its series added up. */
  readonly metric: (name: string) => Promise<number>
}

/** Tags from 5 or 6, refuses from 8 (strict) or 15 (careful) or never (tag-only). */
const policies = {
  'tag-only': { tag_at: 6 },
  careful: { tag_at: 6, reject_at: 15 },
  strict: { tag_at: 5, reject_at: 8 },
}

/** Starts it, ready to take mail for example.org and client.test; ends with `await using`. */
export async function startFrontEnd(options: FrontEndOptions): Promise<FrontEnd> {
  const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-front-end-'))
  const facts: Fact[] = []
  try {
    await writeFile(
      path.join(directory, 'recipients.yaml'),
      options.recipients === undefined ? '' : stringify(options.recipients),
    )
    const file = path.join(directory, 'rcptwise.yaml')
    await writeFile(file, stringify(configuration(options)))
    const loaded = loadConfig(file)
    if (!loaded.ok)
      throw new Error(`The test's configuration is wrong: ${JSON.stringify(loaded.problems)}`)
    const app = await startApp(loaded.config, {
      onFact: (fact) => facts.push(fact),
      processMetrics: false,
    })
    const { port } = app.addresses[0] ?? { port: 0 }
    const admin = app.admin?.port ?? 0
    const log = (): string => facts.map((fact) => JSON.stringify(fact)).join('\n')
    const witness = callWitness(`Rcptwise at port ${port}`, log)
    return {
      port,
      adminUrl: `http://127.0.0.1:${admin}`,
      transactions: () => facts.filter((fact) => fact.kind === 'transactionEnded'),
      log,
      metric: async (name) =>
        sum(name, await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()),
      [Symbol.asyncDispose]: async () => {
        witness[Symbol.dispose]()
        await app.close()
        await rm(directory, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

const configuration = ({ backend, peer, config }: FrontEndOptions): Record<string, unknown> => ({
  hostname: 'mx.example.org',
  listen: ['127.0.0.1:0'],
  backend: { servers: [typeof backend === 'number' ? `smtp://127.0.0.1:${backend}` : backend] },
  relay_domains: ['example.org', 'client.test'],
  policies,
  judges: [{ headers: { from: ['127.0.0.0/8'] } }],
  recipients: { default: 'careful', sources: [{ file: 'recipients.yaml' }] },
  peers: [{ name: 'default', strategy: 'group', ...peer }],
  admin: { listen: '127.0.0.1:0' },
  data_directory: 'data',
  timeouts: { shutdown: '1s' },
  ...config,
})

function sum(name: string, exposition: string): number {
  const samples = exposition
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  if (samples.length === 0) throw new Error(`There is no metric ${name}`)
  return samples.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0)
}
