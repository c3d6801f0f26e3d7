/**
 * The folder of an address: a file name that can't leave its directory, different for different
 * addresses. Pure.
 */
import { createHash } from 'node:crypto'

/** Longest name, in characters; file systems take 255 octets. */
const maxLength = 200

export function folderName(address: string): string {
  const name = address
    .replace(/[^A-Za-z0-9@._+=-]/gu, (character) =>
      encodeURIComponent(character).replaceAll('*', '%2A'),
    )
    .replace(/^\.+/, (dots) => '%2E'.repeat(dots.length))
  if (name === '') return 'unknown'
  if (name.length <= maxLength) return name
  // Cut, it could be another one's.
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 32)
  return `${name.slice(0, maxLength - hash.length - 1)}-${hash}`
}
