/** What the URL of a directory says. Pure. */

/** Where Debian's slapd has it. */
const usualSocket = '/run/slapd/ldapi'

/** Of `ldapi://`: as a path, or as OpenLDAP writes it, in place of the host. */
export function socketPathIn(url: string): string | undefined {
  const { protocol, host, pathname } = new URL(url)
  if (protocol !== 'ldapi:') return undefined
  if (host !== '') return decodeURIComponent(host)
  return pathname === '' || pathname === '/' ? usualSocket : pathname
}

/** For log and metrics. */
export const nameOfLdap = (url: string): string => `ldap:${socketPathIn(url) ?? new URL(url).host}`
