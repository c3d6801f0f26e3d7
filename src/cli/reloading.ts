/**
 * Taking another configuration into use while `serve` runs: on SIGHUP, and when its file has
 * changed.
 */
import { statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { App } from '../app.ts'
import type { LoadedConfig } from '../config/load.ts'
import { describeProblem } from '../config/problem.ts'
import type { FactListener } from '../facts/fact.ts'
import { watchBeside } from '../files/watch.ts'
import { errorInWords } from './error-in-words.ts'

export interface ReloadingOptions {
  readonly app: Pick<App, 'reload'>
  /** Watched when it is there. */
  readonly file: string | undefined
  readonly load: () => LoadedConfig
  /** Gets configLoaded and configKept. */
  readonly onFact: FactListener
  /** Before anything is read, and when it is over, whatever came of it. */
  readonly onBegin: () => void
  readonly onEnd: () => void
  /** What is in use now. */
  readonly onLoaded: (loaded: Extract<LoadedConfig, { readonly ok: true }>) => void
}

export interface Reloading {
  /** Reads the file now, changed or not. Never rejects: what is wrong is told as configKept. */
  reload(): Promise<void>
  close(): Promise<void>
}

/**
 * An editor may write in several steps: the file is read when it has stayed the same for this long,
 * in ms.
 */
const settleMs = 200

export function startReloading(options: ReloadingOptions): Reloading {
  const { app, file, load, onFact, onBegin, onEnd, onLoaded } = options
  let closed = false
  let seen = file === undefined ? '' : identify(file)
  /** One at a time. */
  let reloading = Promise.resolve()

  const reload = async (): Promise<void> => {
    if (closed) return
    onBegin()
    if (file !== undefined) seen = identify(file)
    try {
      const loaded = load()
      if (!loaded.ok) {
        onFact({ kind: 'configKept', at: Date.now(), why: loaded.problems.map(describeProblem) })
        return
      }
      const needRestart = await app.reload(loaded.config)
      onLoaded(loaded)
      onFact({ kind: 'configLoaded', at: Date.now(), needRestart })
    } catch (error) {
      onFact({ kind: 'configKept', at: Date.now(), why: [errorInWords(error)] })
    } finally {
      onEnd()
    }
  }
  const look = async (path: string): Promise<void> => {
    for (let now = identify(path); now !== seen && now !== '' && !closed;) {
      await pause(settleMs, undefined, { ref: false })
      const before = now
      now = identify(path)
      if (now === before) await reload()
    }
  }
  const after = async (next: () => Promise<void>): Promise<void> => {
    reloading = reloading.then(next)
    await reloading
  }
  const watch =
    file === undefined
      ? undefined
      : watchBeside(file, () => void after(async () => await look(file)))
  return {
    reload: async () => await after(reload),
    async close() {
      closed = true
      watch?.close()
      await reloading
    },
  }
}

/**
 * What makes a file another one; empty when it is not there, as for a moment when it is replaced.
 */
function identify(path: string): string {
  const status = statSync(path, { bigint: true, throwIfNoEntry: false })
  return status === undefined
    ? ''
    : [status.dev, status.ino, status.size, status.mtimeNs, status.ctimeNs].join(':')
}
