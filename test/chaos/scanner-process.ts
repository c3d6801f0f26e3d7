/** The scanner (scanner.ts), seen from the run: started, stopped, killed, started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { until } from '../support/lab/until.ts'
import type { Journal } from './journal.ts'

const program = join(import.meta.dirname, 'scanner.ts')

export class ScannerProcess {
  readonly port: number
  readonly #journal: Journal
  #child: ChildProcess | undefined

  constructor(port: number, journal: Journal) {
    this.port = port
    this.#journal = journal
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [program], {
      env: { ...process.env, RCPTWISE_CHAOS_SCANNER: String(this.port) },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    child.on('error', () => undefined)
    this.#child = child
    await until('the scanner listens', async () => await listens(this.port))
    this.#note('started')
  }

  signal(how: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(how)
    this.#note(how)
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    this.#note('SIGKILL', child.pid)
    if (child.exitCode === null && child.signalCode === null) await ended
  }

  #note(how: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL' | 'started', pid = this.#child?.pid ?? 0): void {
    this.#journal.write({ what: 'blow', at: Date.now(), target: 'scanner', pid, how })
  }
}

const listens = async (port: number): Promise<boolean> =>
  await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
