/** One run of vitest, and where its outcome is kept meanwhile. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { nothing, type Outcome } from './test-outcome.ts'

/**
 * In the environment of vitest: a directory for the outcome and for diagnostic reports
 * (vitest.config.ts).
 */
const variable = 'RCPTWISE_TEST_OUTCOME'
export const outcomeDirectory = (): string => process.env[variable] ?? tmpdir()
export const outcomeFile = (): string => path.join(outcomeDirectory(), 'outcome.json')

/** After a signal vitest has this long to end by itself. */
const endWithinMs = 10_000

export interface Run {
  readonly outcome: Outcome
  /** Exit code. */
  readonly code: number
  /** The signal that we were told to end with. */
  readonly ended: NodeJS.Signals | undefined
}

/**
 * Runs vitest to its end, or until we are told to end; what had failed by then is known all the
 * same.
 */
export async function runVitest(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Run> {
  const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-test-'))
  try {
    const program = path.join(import.meta.dirname, '..', 'node_modules', 'vitest', 'vitest.mjs')
    const reporters = [
      '--reporter=default',
      `--reporter=${path.join(import.meta.dirname, 'test-reporter.ts')}`,
    ]
    const vitest = spawn(process.execPath, [program, 'run', ...reporters, ...args], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...env, [variable]: directory },
    })
    let ended: NodeJS.Signals | undefined
    const end = (name: NodeJS.Signals): void => {
      ended = name
      vitest.kill(name)
      setTimeout(() => vitest.kill('SIGKILL'), endWithinMs).unref()
    }
    process.once('SIGTERM', end).once('SIGINT', end)
    const [code] = (await once(vitest, 'exit')) as [number | null]
    const kept = await readFile(path.join(directory, 'outcome.json'), 'utf8').catch(() => undefined)
    return {
      outcome: kept === undefined ? nothing : (JSON.parse(kept) as Outcome),
      code: code ?? 1,
      ended,
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
