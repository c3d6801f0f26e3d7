/**
 * Rcptwise as its users run it: a process of its own, `serve` with a configuration for one domain,
 * the headers judge, the default policies, the ledger on disk, the log on and written to /dev/null.
 * The sender's sessions never end, so their limit is far off.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort, greets } from '../../test/support/lab/ports.ts'
import { until } from '../../test/support/lab/until.ts'
import { endProcess, startProcess } from '../process.ts'
import type { Subject } from '../subject.ts'

const inFront = '{ headers: { from: [127.0.0.0/8] } }'

interface Options {
  /** Entries of `judges`, in YAML. */
  readonly judges?: string
  /** More keys of `backend`, in YAML. */
  readonly backend?: string
  /** More keys of `limits`, in YAML. */
  readonly limits?: string
  /** More of the configuration, in YAML. */
  readonly config?: string | undefined
}

const configuration = (
  port: number,
  sinkPort: number,
  { judges = inFront, backend = '', limits = '', config = '' }: Options,
): string => `
hostname: mx.example.org
listen: 127.0.0.1:${port}
backend: { servers: ['smtp://127.0.0.1:${sinkPort}'], ${backend} }
relay_domains: [example.org]
judges: [${judges}]
admin: off
log: { level: info }
limits: { transactions_per_session: 1000000, ${limits} }
timeouts: { shutdown: 1s }
${config}
`

/** `program`: the arguments of Node in front of `serve`, such as `dist/cli/main.js`. */
export function rcptwise(name: string, program: readonly string[], options: Options = {}): Subject {
  return {
    name,
    start: async (sinkPort) => {
      const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-bench-'))
      try {
        const port = await freePort()
        const file = path.join(directory, 'rcptwise.yaml')
        await writeFile(file, configuration(port, sinkPort, options))
        const started = await startProcess([...program, 'serve', '--config', file], 'ignore')
        const stop = async (): Promise<void> => {
          await endProcess(started)
          await rm(directory, { recursive: true, force: true })
        }
        const { child } = started
        await until('Rcptwise listens', async () => child.exitCode !== null || (await greets(port)))
        if (child.exitCode !== null)
          throw new Error(`Rcptwise ended with ${child.exitCode}: ${started.said()}`)
        return { port, pid: started.pid, stop }
      } catch (error) {
        await rm(directory, { recursive: true, force: true })
        throw error
      }
    },
  }
}
