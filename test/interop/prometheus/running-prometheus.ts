import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../support/lab/ports.ts'

export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

export interface RunningPrometheus {
  /** An instant query. Rejects with Prometheus's own words when the query is wrong. */
  query(expression: string): Promise<readonly Series[]>
  get(path: string): Promise<unknown>
  close(): Promise<void>
}

interface Scraped {
  readonly program: string
  /** `host:port` with /metrics. */
  readonly target: string
  /** More of them. */
  readonly others?: readonly string[]
  readonly rules: string
}

const readyWithinMs = 120_000

/**
 * A real Prometheus on loopback that scrapes the target each second and evaluates the rules, with
 * its data in a temporary folder.
 */
export async function runPrometheus({
  program,
  target,
  others = [],
  rules,
}: Scraped): Promise<RunningPrometheus> {
  const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-prometheus-'))
  await copyFile(rules, path.join(directory, 'alerts.yaml'))
  const config = path.join(directory, 'prometheus.yaml')
  await writeFile(
    config,
    [
      'global: { scrape_interval: 1s, evaluation_interval: 1s }',
      'rule_files: [alerts.yaml]',
      `scrape_configs: [{ job_name: rcptwise, static_configs: [{ targets: ${JSON.stringify([target, ...others])} }] }]`,
    ].join('\n'),
  )
  const address = `127.0.0.1:${await freePort()}`
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${directory}/tsdb`,
    `--web.listen-address=${address}`,
  ]
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { GOMAXPROCS: '1' },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const close = async (): Promise<void> => {
    await end(child)
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await untilReady(address, child)
  } catch (error) {
    await close()
    throw new Error(`Prometheus did not start; it said:\n${said}`, { cause: error })
  }
  const get = async (target: string): Promise<unknown> => {
    const answer = (await (await fetch(`http://${address}${target}`)).json()) as Readonly<
      Record<string, unknown>
    >
    if (answer['status'] !== 'success') throw new Error(`${target}: ${String(answer['error'])}`)
    return answer['data']
  }
  return {
    get,
    close,
    async query(expression) {
      const data = (await get(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as {
        readonly result: readonly {
          readonly metric: Record<string, string>
          readonly value: readonly [number, string]
        }[]
      }
      return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
  }
}

async function untilReady(address: string, child: ChildProcess): Promise<void> {
  const limit = Date.now() + readyWithinMs
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    const answer = await fetch(`http://${address}/-/ready`).catch(() => undefined)
    await answer?.arrayBuffer()
    if (answer?.status === 200) return
    if (Date.now() > limit) throw new Error(`it was not ready within ${readyWithinMs} ms`)
    await sleep(100)
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(late)
}
