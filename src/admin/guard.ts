/** Keeps web pages in an administrator's browser away from an admin API that has no token. Pure. */
import { isIPv4 } from 'node:net'
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
 * The answer to a request that must not be served, or undefined.
 * - DNS rebinding: a page whose name is made to point to 127.0.0.1 sends that name as Host. Clients
 *   without a Host
 *   (HTTP/1.0 probes) are no browsers.
 * - Cross-site requests: a browser sends the page's Origin with each request that changes
 *   something.
 */
export function refuseWebPage({ method, host, origin }: GuardedRequest): AdminResponse | undefined {
  if (host !== undefined && !isLoopbackHost(hostOf(host))) {
    return problem(
      403,
      'without a token the admin API only answers to loopback names',
      'Host: localhost, 127.0.0.1 or [::1]; or set admin.token_file',
    )
  }
  const changes = method !== 'GET' && method !== 'HEAD'
  if (
    changes &&
    origin !== undefined &&
    origin.toLowerCase() !== `http://${(host ?? '').toLowerCase()}`
  ) {
    return problem(
      403,
      'a web page of another site must not change anything here',
      'a request without Origin',
    )
  }
  return undefined
}
