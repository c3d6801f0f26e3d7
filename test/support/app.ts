/** The product as `serve` starts it, on free ports, in a directory of its own. */
import { known } from '../../src/known.ts'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type App, startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'
import type { Fact } from '../../src/facts/fact.ts'
import type { TransactionFact } from '../../src/facts/transaction.ts'

export interface TestApp extends AsyncDisposable {
  readonly app: App
  readonly port: number
  readonly directory: string
  readonly facts: Fact[]
  readonly transactions: () => TransactionFact[]
  /** What the sink has delivered to an address: whole messages, in no order. */
  mail(address: string): Promise<string[]>
  /** The text of /metrics. */
  metrics(): Promise<string>
}

export interface TestAppOptions {
  /**
   * YAML without `admin`; `listen` is 127.0.0.1:0, everyone is served by `group` and the headers of
   * all are believed unless it is said here.
   */
  readonly config?: string
  /** Lines of recipients.yaml; named in the configuration by default. */
  readonly recipients?: string
  /** Kept and used again after a restart. */
  readonly directory?: string
  readonly now?: () => number
  /** The clock that nobody can set; time has passed when both have gone on. */
  readonly steady?: () => number
  /** With the metrics that Node tells of its process; for one app of a process at most. */
  readonly processMetrics?: boolean
}

export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'rcptwise-test-')))
  const sources =
    options.recipients === undefined || /^recipients:/m.test(options.config ?? '')
      ? ''
      : `recipients:\n  default: careful\n  sources: [{ file: recipients.yaml }]\n`
  if (options.recipients !== undefined)
    await writeFile(join(directory, 'recipients.yaml'), options.recipients)
  const file = join(directory, 'config.yaml')
  const config = options.config ?? ''
  const hostname = config.includes('hostname:') ? '' : 'hostname: mx.test\n'
  const listen = /^listen:/m.test(config) ? '' : 'listen: [{ address: "127.0.0.1:0" }]\n'
  const peers = /^peers:/m.test(config) ? '' : 'peers: [{ name: default, strategy: group }]\n'
  const history = /^history:/m.test(config) ? '' : 'history: off\n'
  const judge = /^(?:judges|last_word):/m.test(config)
    ? ''
    : 'judges: [{ headers: { from: [127.0.0.0/8, "::1"] } }]\n'
  await writeFile(
    file,
    `${hostname}${listen}${judge}${history}admin: { listen: "127.0.0.1:0" }\n${sources}${peers}${config}\n`,
  )
  const loaded = loadConfig(file)
  if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
  const facts: Fact[] = []
  const app = await startApp(loaded.config, {
    onFact: (fact) => facts.push(fact),
    processMetrics: options.processMetrics ?? false,
    ...known({ now: options.now, steady: options.steady }),
  })
  let closed = false
  return {
    app,
    port: app.addresses[0]?.port ?? 0,
    directory,
    facts,
    transactions: () => facts.filter((fact) => fact.kind === 'transactionEnded'),
    async mail(address) {
      const folder = join(directory, 'rcptwise-data', 'mail', address, 'new')
      const names = await readdir(folder).catch((): string[] => [])
      return await Promise.all(
        names.map(async (name) => await readFile(join(folder, name), 'latin1')),
      )
    },
    async metrics() {
      return await app.scrape()
    },
    async [Symbol.asyncDispose]() {
      if (closed) return
      closed = true
      await app.close()
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
    },
  }
}
