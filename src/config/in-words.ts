/**
 * Values as problems name them. Problems end up in logs and tickets, so no password is among the
 * words.
 */

/**
 * Everything in front of the last @ but the scheme; a password may hold a colon, a slash or another
 * @ where the URL is malformed.
 */
const userInfo = /^([^:@]*:(?:\/\/)?).*@/s
const inQuery = /([?&](?:password|passwd|pass|secret|token)=)[^&]*/gi

/** A URL without its user and password, whether it is a valid one or not; other text as it is. */
export const withoutPassword = (written: string): string =>
  written.replace(userInfo, '$1***@').replace(inQuery, '$1***')

/** As it was written when it is short, by its kind when it is not. */
export function inWords(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  const written = JSON.stringify(typeof value === 'string' ? withoutPassword(value) : value)
  return written.length <= 100 ? written : `${written.slice(0, 97)}...`
}

const mostNamed = 20

/** Names as a list, and how many more there are. */
export const someOf = (names: readonly string[]): string =>
  [
    ...names.slice(0, mostNamed),
    ...(names.length > mostNamed ? [`${names.length - mostNamed} more`] : []),
  ].join(', ')
