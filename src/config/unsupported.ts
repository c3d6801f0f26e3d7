/** Keys that are known and not supported yet, and what to do in their place. */
import { inWords } from './in-words.ts'
import { dottedKey, type KeyPath } from './problem.ts'

/**
 * What the design names and this version does not do yet. An operator who writes it is told so,
 * instead of being told that the key is unknown. Remove a line when the thing works.
 */
interface Unsupported {
  /** Dotted path, every list index written `[]`. */
  readonly key: string
  /** Only these values; absent: the key as such. */
  readonly value?: RegExp
  /** What to do in its place. */
  readonly instead: string
}

const unsupported: readonly Unsupported[] = [
  { key: 'recipients.sources[].sql', instead: 'use postgres, mysql or sqlite' },
  { key: 'recipients.sources[].ldap', instead: 'use sqlite or file' },
  { key: 'recipients.sources[].http', instead: 'use sqlite or file' },
  { key: 'peers[].deliver_deferred', instead: 'leave it out' },
]

/**
 * The message for a key or value that this version does not do; undefined when it is simply wrong.
 */
export function unsupportedMessage(path: KeyPath, value: unknown): string | undefined {
  const key = dottedKey(path).replace(/\[\d+\]/g, '[]')
  const found = unsupported.find((entry) => {
    if (entry.key !== key) return false
    return entry.value === undefined || (typeof value === 'string' && entry.value.test(value))
  })
  if (found === undefined) return undefined
  const what = found.value === undefined ? 'this key' : inWords(value)
  return `${what} is not supported by this version; ${found.instead}`
}
