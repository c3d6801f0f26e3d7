/** `rcptwise serve` as a process of its own, to be killed at will. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../support/lab/until.ts'

/** Node has no public way to a server's descriptor. */
const descriptorOf = (server: Server): number =>
  (server as unknown as { readonly _handle: { readonly fd: number } })._handle.fd

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')

export interface ServeOptions {
  readonly backendUrl: string
  /** YAML besides hostname, listen, admin, backend, relay_domains and recipients. */
  readonly config?: string
  /** Lines of recipients.yaml. */
  readonly recipients?: string
  readonly listen?: string
  readonly admin?: string
  /** 1 unless set: what is killed is then all there is. */
  readonly workers?: number
  /** The source's unless set. */
  readonly program?: string
  /** Program and arguments that the command is handed to. */
  readonly wrapper?: readonly string[]
  /**
   * A listening socket that it is given as a service manager would (sd_listen_fds(3)). Closed here
   * once it was given.
   */
  readonly socket?: Server
}

/** The directory that one product and its successors share. */
export class Home implements AsyncDisposable {
  readonly directory: string
  readonly #running: Served[] = []

  private constructor(directory: string) {
    this.directory = directory
  }

  static async make(): Promise<Home> {
    const directory = await mkdtemp(join(tmpdir(), 'rcptwise-crash-'))
    await mkdir(join(directory, 'spool'))
    return new Home(directory)
  }

  /** Starts it, and waits until it listens or has ended. */
  async serve(options: ServeOptions): Promise<Served> {
    const file = join(this.directory, 'config.yaml')
    await writeFile(join(this.directory, 'recipients.yaml'), options.recipients ?? '')
    await writeFile(
      file,
      `hostname: mx.test
listen: ["${options.listen ?? '127.0.0.1:0'}"]
admin: { listen: "${options.admin ?? '127.0.0.1:0'}" }
backend: { servers: ["${options.backendUrl}"] }
relay_domains: [example.org]
${/^(?:judges|last_word):/m.test(options.config ?? '') ? '' : 'judges: [{ headers: { from: [127.0.0.0/8] } }]'}
recipients: { default: careful, sources: [{ file: recipients.yaml }] }
log: { format: 'json' }
workers: ${options.workers ?? 1}
${/^peers:/m.test(options.config ?? '') ? '' : 'peers: [{ name: default, strategy: group }]'}
${options.config ?? ''}
`,
    )
    const given =
      options.socket === undefined ? [] : ['sh', '-c', 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', 'sh']
    const command = [
      ...given,
      ...(options.wrapper ?? []),
      process.execPath,
      options.program ?? main,
      'serve',
      '--config',
      file,
    ]
    const served = new Served(command, this.directory, options.socket)
    options.socket?.close()
    this.#running.push(served)
    await until('serve listens or has ended', () => served.port !== undefined || served.ended, {
      explain: () => served.output,
    })
    return served
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const served of this.#running) await served.kill()
    await rm(this.directory, { recursive: true, force: true })
  }
}

export class Served {
  readonly #child: ChildProcess
  /** Standard output and error, so far. */
  output = ''
  port: number | undefined
  exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined

  /** `socket` becomes its descriptor 3. */
  constructor(command: readonly string[], directory: string, socket?: Server) {
    const [program = '', ...args] = command
    const further = socket === undefined ? [] : [descriptorOf(socket)]
    this.#child = spawn(program, args, {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe', ...further],
    })
    const note = (data: Buffer): void => {
      this.output += data.toString()
      const listening = /"listening":\["[^"]*:([0-9]+)"/.exec(this.output)?.[1]
      if (listening !== undefined) this.port ??= Number(listening)
    }
    this.#child.stdout?.on('data', note)
    this.#child.stderr?.on('data', note)
    this.#child.once('close', (code, signal) => {
      this.exit = { code, signal }
    })
    this.#child.once('error', (error) => {
      this.output += String(error)
      this.exit ??= { code: -1, signal: null }
    })
  }

  get ended(): boolean {
    return this.exit !== undefined
  }
  get pid(): number {
    return this.#child.pid ?? 0
  }
  /** What `serve` needs to have for a client to be connected to it. */
  get listeningPort(): number {
    if (this.port === undefined) throw new Error(`serve does not listen:\n${this.output}`)
    return this.port
  }
  /** Lines of the log that have this event. */
  events(event: string): Record<string, unknown>[] {
    const lines = this.output
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
    return lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line['event'] === event)
  }

  /** Where its admin API is. */
  get adminUrl(): string {
    const admin = /"admin":"([^"]*)"/.exec(this.output)?.[1]
    if (admin === undefined) throw new Error(`serve has no admin API:\n${this.output}`)
    return `http://${admin}`
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** kill -9, unless it has ended by itself. */
  async kill(): Promise<void> {
    if (!this.ended) this.#child.kill('SIGKILL')
    await until('it has ended', () => this.ended)
  }

  /** Waits until it has ended by itself. */
  async ending(): Promise<number | null> {
    await until('it has ended by itself', () => this.ended, { explain: () => this.output })
    return this.exit?.code ?? null
  }

  /** Memory in use at most since the start, in octets (VmHWM of proc(5)); Linux only. */
  peakMemoryBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+([0-9]+) kB$/m.exec(status)?.[1]) * 1024
  }
}
