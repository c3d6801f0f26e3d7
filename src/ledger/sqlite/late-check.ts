/** Whether a large file is sound, found out well behind the start (check-file.ts). */
import { type ChildProcess, execFile } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface LateCheck {
  /** Nothing is told any more. */
  end(): void
}

/** Has the extension of this one: .ts from the sources, .js when built. */
const program = fileURLToPath(new URL(`./check-file${extname(import.meta.url)}`, import.meta.url))

/**
 * Begins in `afterMs`. It does not keep the process alive. Tells the damage, or nothing where there
 * is none and where the check can't be made.
 */
export function checkLater(
  path: string,
  afterMs: number,
  onEnd: (damage: string) => void,
): LateCheck {
  let child: ChildProcess | undefined
  let over = false
  const timer = setTimeout(() => {
    child = execFile(process.execPath, [program, path], (error, damage) => {
      if (!over) onEnd(error === null ? damage : '')
    })
    child.unref()
  }, afterMs).unref()
  return {
    end: () => {
      over = true
      clearTimeout(timer)
      child?.kill('SIGKILL')
    },
  }
}
