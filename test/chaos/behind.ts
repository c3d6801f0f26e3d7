/**
 * The server behind, seen from the run: started, killed, started again; its mailboxes filled and
 * emptied; what it has on its disk.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { greets } from '../support/lab/ports.ts'
import { until } from '../support/lab/until.ts'
import type { BehindEntry, Journal } from './journal.ts'
import type { Boxes } from './people.ts'
import type { BehindSettings, BehindStep } from './server-behind.ts'

const program = join(import.meta.dirname, 'server-behind.ts')

export class Behind {
  readonly #settings: BehindSettings
  readonly #journal: Journal
  readonly #onStep: (step: BehindStep) => void
  #child: ChildProcess | undefined

  constructor(settings: BehindSettings, journal: Journal, onStep: (step: BehindStep) => void) {
    this.#settings = settings
    this.#journal = journal
    this.#onStep = onStep
    writeFileSync(settings.record, '')
    this.fill({})
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** In one step, so that nobody reads half of it. */
  fill(boxes: Boxes): void {
    writeFileSync(`${this.#settings.boxes}.new`, JSON.stringify(boxes))
    renameSync(`${this.#settings.boxes}.new`, this.#settings.boxes)
    this.#journal.write({ what: 'boxes', at: Date.now(), boxes })
  }

  async start(): Promise<void> {
    const env = { ...process.env, RCPTWISE_CHAOS_BEHIND: JSON.stringify(this.#settings) }
    const child = spawn(process.execPath, [program], {
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    child.on('message', (step) => this.#onStep(step as BehindStep))
    child.on('error', () => undefined)
    this.#child = child
    await until('the server behind greets', async () => await greets(this.#settings.port))
    this.#journal.write({
      what: 'blow',
      at: Date.now(),
      target: 'behind',
      pid: this.pid,
      how: 'started',
    })
  }

  signal(how: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#child === undefined) return
    this.#journal.write({ what: 'blow', at: Date.now(), target: 'behind', pid: this.pid, how })
    this.#child.kill(how)
  }

  /** Ends it at once. */
  async kill(aimedAt?: string): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    const aimed = aimedAt === undefined ? {} : { aimedAt }
    this.#journal.write({
      what: 'blow',
      at: Date.now(),
      target: 'behind',
      pid: child.pid ?? 0,
      how: 'SIGKILL',
      ...aimed,
    })
    if (child.exitCode === null && child.signalCode === null) await ended
  }

  /** All that it has written down; a line that a kill has cut off was not said to anybody. */
  entries(): BehindEntry[] {
    const lines = readFileSync(this.#settings.record, 'utf8').split('\n')
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as BehindEntry]
      } catch {
        return []
      }
    })
  }
}
