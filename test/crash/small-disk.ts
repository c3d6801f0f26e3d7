/** A disk of its own, of a few megabytes, under a directory of one process; root alone may mount it. */
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'

export const canMount = (): boolean =>
  process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0

/** What is put in front of a command for it and its children to have the disk there. */
export const withSmallDisk = (directory: string, size: string): readonly string[] => [
  'unshare',
  '-m',
  'sh',
  '-c',
  `mkdir -p "${directory}" && mount -t tmpfs -o size=${size} rcptwise-test "${directory}" && exec "$@"`,
  'sh',
]

/** Until not an octet fits any more. */
export function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (let size = 65_536; size >= 1;) {
      try {
        writeSync(file, Buffer.alloc(size, 'x'))
      } catch {
        size = Math.floor(size / 2)
      }
    }
  } finally {
    closeSync(file)
  }
}
