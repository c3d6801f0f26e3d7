/** Noticing that a file was changed or replaced. Reads nothing of it. */
import { watch, type FSWatcher } from 'node:fs'
import { dirname } from 'node:path'

/** Long enough for an editor or a `kubectl apply` to finish its renames. */
const settleMs = 100
/**
 * For what no watch sees: network file systems, links into other directories, a directory that was
 * replaced.
 */
const pollMs = 5000

/**
 * Calls `look` a moment after something happened beside the file, and every five seconds in any
 * case; it is for `look` to find out whether the file is another one. The directory is watched and
 * not the file, because a rename or a new symbolic link puts another file in its place. Does not
 * keep the process alive. `close` ends it.
 */
export function watchBeside(path: string, look: () => void): { close(): void } {
  let settling: NodeJS.Timeout | undefined
  const soon = (): void => {
    // Not put off by further events, so that a busy directory can't hold it up for ever.
    settling ??= setTimeout(() => {
      settling = undefined
      look()
    }, settleMs).unref()
  }
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(dirname(path), { persistent: false }, soon)
    // Polling goes on when the watch is lost.
    watcher.on('error', () => watcher?.close())
  } catch {
    // No directory yet, or no more inotify watches: polling is enough.
  }
  const polling = setInterval(look, pollMs).unref()
  return {
    close() {
      watcher?.close()
      clearInterval(polling)
      clearTimeout(settling)
    },
  }
}
