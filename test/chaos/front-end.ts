/**
 * `rcptwise serve` under somebody who starts it again whenever it ends, as a service manager does.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, readFileSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../support/lab/until.ts'
import type { Blow, Journal } from './journal.ts'

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')

export interface FrontEndSettings {
  readonly number: number
  readonly directory: string
  readonly config: string
  readonly log: string
  readonly admin: number
  readonly random: { between(least: number, most: number): number }
}

export class FrontEnd {
  readonly #settings: FrontEndSettings
  readonly #journal: Journal
  readonly #log: WriteStream
  /** Processes that were sent a signal that ends them. */
  readonly #ended = new Set<number>()
  #child: ChildProcess | undefined
  #wanted = true

  constructor(settings: FrontEndSettings, journal: Journal) {
    this.#settings = settings
    this.#journal = journal
    this.#log = createWriteStream(settings.log, { flags: 'a' })
    this.#start()
  }

  get number(): number {
    return this.#settings.number
  }

  get log(): string {
    return this.#settings.log
  }

  #start(): void {
    const { directory, config, number } = this.#settings
    const child = spawn(process.execPath, [main, 'serve', '--config', config], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.#journal.write({
      what: 'blow',
      at: Date.now(),
      target: 'primary',
      front: number,
      pid: child.pid ?? 0,
      how: 'started',
    })
    const said = { all: '' }
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (said.all.length < 10_000) said.all += line
      this.#read(line)
    })
    child.stderr.on('data', (data: Buffer) => this.#log.write(data))
    child.once('exit', (code, signal) => {
      // The workers of a primary that was killed end their sessions first, and have the port for so
      // long. A start of which a worker is killed is none.
      const tooEarly =
        said.all.includes('EADDRINUSE') || /"not started".*ended with SIGKILL before/.test(said.all)
      if (!this.#ended.has(child.pid ?? 0) && !tooEarly)
        this.#fell('primary', `ended with ${signal ?? code ?? ''}`)
      if (this.#wanted) setTimeout(() => this.#start(), this.#settings.random.between(50, 1500))
    })
  }

  #read(line: string): void {
    this.#log.write(`${line}\n`)
    if (!line.includes('"workerLost"')) return
    const { pid, how } = JSON.parse(line) as { readonly pid: number; readonly how: string }
    if (!this.#ended.has(pid)) this.#fell(`worker ${pid}`, how)
  }

  #fell(process: string, why: string): void {
    // Wanted by nobody any more: it may end as it likes.
    if (this.#wanted)
      this.#journal.write({ what: 'fall', at: Date.now(), front: this.number, process, why })
  }

  get primary(): number {
    return this.#child?.pid ?? 0
  }

  /** Its children that take mail (proc(5)). */
  workers(): number[] {
    try {
      const children = readFileSync(`/proc/${this.primary}/task/${this.primary}/children`, 'utf8')
      return children
        .split(' ')
        .filter((pid) => pid !== '')
        .map(Number)
        .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker-process'))
    } catch {
      return []
    }
  }

  signal(
    target: 'primary' | 'worker',
    pid: number,
    how: Exclude<Blow['how'], 'started'>,
    aimedAt?: string,
  ): void {
    if (pid === 0) return
    if (how === 'SIGKILL' || how === 'SIGTERM') this.#ended.add(pid)
    // With the primary all of it ends.
    if (target === 'primary' && this.#ended.has(pid))
      for (const worker of this.workers()) this.#ended.add(worker)
    const aimed = aimedAt === undefined ? {} : { aimedAt }
    this.#journal.write({
      what: 'blow',
      at: Date.now(),
      target,
      front: this.number,
      pid,
      how,
      ...aimed,
    })
    try {
      process.kill(pid, how)
    } catch {
      // It has ended by itself in between.
    }
  }

  async api(method: 'GET' | 'PUT', path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.#settings.admin}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`)
    return await response.json()
  }

  async ready(): Promise<void> {
    await until(
      `front-end ${this.number} is ready`,
      async () => {
        try {
          await this.api('GET', '/readyz')
          return true
        } catch {
          return false
        }
      },
      { limitMs: 120_000 },
    )
  }

  /** Ends it, and all that it has started. */
  async stop(): Promise<void> {
    this.#wanted = false
    const child = this.#child
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const workers = this.workers()
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await Promise.race([ended, sleep(10_000)])
      child.kill('SIGKILL')
      for (const pid of workers) this.#killQuietly(pid)
    }
    this.#log.end()
  }

  #killQuietly(pid: number): void {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended with the primary.
    }
  }
}
