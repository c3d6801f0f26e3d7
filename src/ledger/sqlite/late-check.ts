/** Whether a large file is sound, found out behind the start (check-file.ts). */
import { execFile } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface LateCheck {
  /** Nothing is told any more. */
  end(): void
}

/** Has the extension of this one: .ts from the sources, .js when built. */
const program = fileURLToPath(new URL(`./check-file${extname(import.meta.url)}`, import.meta.url))

/**
 * It does not keep the process alive. Tells the damage, or nothing where there is none and where
 * the check can't be made.
 */
export function checkLater(path: string, onEnd: (damage: string) => void): LateCheck {
  let over = false
  const child = execFile(process.execPath, [program, path], (error, damage) => {
    if (!over) onEnd(error === null ? damage : '')
  })
  child.unref()
  return {
    end: () => {
      over = true
      child.kill('SIGKILL')
    },
  }
}
