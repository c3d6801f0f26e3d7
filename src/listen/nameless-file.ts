/** Files without a name: gone with their last descriptor, so that no crash leaves one behind. */
import { randomBytes } from 'node:crypto'
import { constants, type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'

/** Linux's O_TMPFILE, which node:fs has no name for; not on every file system. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY

/**
 * Opens a new file for reading and writing, for this user alone. The caller closes it. Rejects as
 * open(2) does.
 */
export async function openNameless(directory: string): Promise<FileHandle> {
  if (process.platform === 'linux') {
    const file = await open(directory, constants.O_RDWR | O_TMPFILE, 0o600).catch(() => undefined)
    if (file !== undefined) return file
  }
  const path = join(directory, `rcptwise-${randomBytes(12).toString('hex')}`)
  const file = await open(path, 'wx+', 0o600)
  try {
    await unlink(path)
  } catch (error) {
    await file.close()
    throw error
  }
  return file
}

/**
 * Writes all of it at `position`, in octets; how many. A file system that is nearly full takes a
 * part without an error, so what it took is counted, and the rest is offered again until it
 * refuses. Rejects as write(2) does.
 */
export async function writeWhole(
  file: FileHandle,
  chunks: readonly Buffer[],
  position: number,
): Promise<number> {
  let left = [...chunks]
  let written = 0
  while (left.length > 0) {
    const { bytesWritten } = await file.writev(left, position + written)
    written += bytesWritten
    left = behind(left, bytesWritten)
    if (bytesWritten === 0 && left.length > 0)
      throw new Error('the file system takes no more octets (ENOSPC)')
  }
  return written
}

/** What follows the first `octets` of the chunks. */
function behind(chunks: readonly Buffer[], octets: number): Buffer[] {
  let skip = octets
  let first = 0
  for (const chunk of chunks) {
    if (skip < chunk.length) break
    skip -= chunk.length
    first++
  }
  const [partly, ...rest] = chunks.slice(first)
  if (partly === undefined) return []
  return skip === 0 ? [partly, ...rest] : [partly.subarray(skip), ...rest]
}
