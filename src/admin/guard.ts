/**
 * Keeps web pages of others, in an administrator's browser, away from the admin API. Pure.
 * - DNS rebinding: a page whose name is made to point to this address sends that name as Host. An
 *   address can't be made to point elsewhere. Clients without a Host (HTTP/1.0 probes) are no
 *   browsers.
 * - Cross-site requests: a browser sends the page's Origin with each request that changes
 *   something.
 */
import { isIP, isIPv4 } from 'node:net'
import { type AdminResponse, problem } from './exchange.ts'

/** The name or address of a Host header, without port and brackets, in lower case. */
function hostOf(header: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(header)?.[1]
  return (bracketed ?? header.replace(/:\d*$/, '')).toLowerCase()
}

export function isLoopbackHost(host: string): boolean {
  const address = host.toLowerCase().replace(/^::ffff:/, '')
  return (
    address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'))
  )
}

export interface GuardedRequest {
  readonly method: string
  readonly host: string | undefined
  readonly origin: string | undefined
}

/**
 * The answer to a request under a name that is not ours, or undefined. `names` undefined: there is
 * no token, and only loopback names are ours.
 */
export function refuseHost(
  { host }: GuardedRequest,
  names: readonly string[] | undefined,
): AdminResponse | undefined {
  if (host === undefined) return undefined
  const name = hostOf(host)
  if (isLoopbackHost(name)) return undefined
  if (names === undefined)
    return problem(
      403,
      'without a token the admin API only answers to loopback names',
      'Host: localhost, 127.0.0.1 or [::1]; or set admin.tokens',
    )
  if (isIP(name) !== 0 || names.includes(name)) return undefined
  return problem(
    403,
    'the admin API does not answer to this name',
    'an address, the hostname of the configuration, or a name in admin.hosts',
  )
}

/** The answer to a change by a web page of another site, or undefined. */
export function refuseOrigin({ method, host, origin }: GuardedRequest): AdminResponse | undefined {
  const changes = method !== 'GET' && method !== 'HEAD'
  if (!changes || origin === undefined) return undefined
  // A proxy in front may speak https.
  const own = [`http://${host ?? ''}`, `https://${host ?? ''}`]
  if (own.some((one) => one.toLowerCase() === origin.toLowerCase())) return undefined
  return problem(
    403,
    'a web page of another site must not change anything here',
    'a request without Origin',
  )
}

/** What a browser says of where a request comes from (Fetch Metadata). */
export const isFromElsewhere = (fetchSite: string | undefined): boolean =>
  fetchSite === 'cross-site' || fetchSite === 'same-site'
