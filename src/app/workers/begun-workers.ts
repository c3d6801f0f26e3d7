/**
 * Worker processes that are begun before anybody has orders for them: they load their program
 * while the primary loads its own and opens the ledger. Without orders a worker does nothing.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { optionsOfNode } from '../../service/v8-flags.ts'
import { passLines, stdoutCanMix } from './log-pipe.ts'

/** The file has the extension of this one: .ts from the sources, .js when built. */
const program = fileURLToPath(
  new URL(`./worker-process${extname(import.meta.url)}`, import.meta.url),
)

/** Begins one. It ends when this process does. */
export function beginWorker(): ChildProcess {
  // What is the primary's alone: a notice from here would be a notice from the service.
  const env = { ...process.env }
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'])
    Reflect.deleteProperty(env, name)
  const child = fork(program, [], {
    env,
    execArgv: optionsOfNode(),
    serialization: 'advanced',
    stdio: ['ignore', stdoutCanMix() ? 'pipe' : 'inherit', 'inherit', 'ipc'],
  })
  if (child.stdout !== null) passLines(child.stdout)
  child.on('error', () => undefined) // it could not be started or sent to: `close` follows, or has come
  return child
}

export class BegunWorkers implements Disposable {
  readonly #begin: () => ChildProcess
  readonly #waiting: ChildProcess[]

  constructor(count: number, begin = beginWorker) {
    this.#begin = begin
    this.#waiting = Array.from({ length: count }, begin)
  }

  /** One of them, or a new one when none is left. */
  take(): ChildProcess {
    for (;;) {
      const child = this.#waiting.shift()
      if (child === undefined) return this.#begin()
      // Of one that has ended already nobody would be told.
      if (child.connected && child.exitCode === null && child.signalCode === null) return child
    }
  }

  /** Ends those that nobody has taken. */
  [Symbol.dispose](): void {
    for (const child of this.#waiting.splice(0)) child.kill('SIGKILL')
  }
}
