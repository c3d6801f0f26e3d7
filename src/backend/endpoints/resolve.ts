/**
 * From configured servers to endpoints: host names to all their addresses, and MX records to hosts
 * (RFC 5321 5.1). Asks once; when it is asked again is for name-look-ups.ts.
 */
import { Resolver as DnsResolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { lookUp } from '../../dns/look-up.ts'
import { type Endpoint, endpointOf, type Server } from './route.ts'

/** Rejects with an Error; its `code` is that of node:dns. */
export interface Resolver {
  /** IPv4 and IPv6, as the system would connect to them: /etc/hosts and search domains count. */
  addresses(host: string): Promise<readonly string[]>
  exchanges(
    domain: string,
  ): Promise<readonly { readonly exchange: string; readonly priority: number }[]>
}

/** It ends before `lookUpLimitMs`, the second try waits twice as long. */
const dns = new DnsResolver({ timeout: 3000, tries: 2 })

export const systemResolver: Resolver = {
  addresses: async (host) => (await lookUp(host)).map(({ address }) => address),
  exchanges: async (domain) => await dns.resolveMx(domain),
}

export interface Resolved {
  readonly endpoints: readonly Endpoint[]
  /** Hosts whose addresses could not be had, and why. */
  readonly failed: readonly { readonly host: string; readonly why: string }[]
}

/** Longest wait for one look-up, in ms. */
const lookUpLimitMs = 10_000

/** Nothing has to be looked up for it. */
export const isLiteral = ({ host, mx, socketPath }: Server): boolean =>
  socketPath !== undefined || (mx !== true && isIP(host) !== 0)

export const literalEndpoint = (server: Server): Endpoint =>
  endpointOf(server, server.host, server.host)

/** Never rejects. */
export async function resolveServer(server: Server, resolver: Resolver): Promise<Resolved> {
  if (isLiteral(server)) return { endpoints: [literalEndpoint(server)], failed: [] }
  let hosts: readonly { readonly exchange: string; readonly priority: number }[] = [
    { exchange: server.host, priority: 0 },
  ]
  if (server.mx === true) {
    const exchanges = await exchangesOf(server.host, resolver)
    if (typeof exchanges === 'string')
      return { endpoints: [], failed: [{ host: server.host, why: exchanges }] }
    hosts = exchanges
  }
  const resolved = await Promise.all(
    hosts.map(async ({ exchange, priority }): Promise<Resolved> => {
      try {
        const addresses = new Set(await within(resolver.addresses(exchange)))
        if (addresses.size > 0)
          return {
            endpoints: [...addresses].map((address) =>
              endpointOf(server, exchange, address, priority),
            ),
            failed: [],
          }
        return { endpoints: [], failed: [{ host: exchange, why: `${exchange} has no address` }] }
      } catch (error) {
        return {
          endpoints: [],
          failed: [{ host: exchange, why: `the addresses of ${exchange}: ${codeOf(error)}` }],
        }
      }
    }),
  )
  return {
    endpoints: resolved.flatMap(({ endpoints }) => endpoints),
    failed: resolved.flatMap(({ failed }) => failed),
  }
}

/** A domain without MX records is its own host (RFC 5321 5.1); in words why there is none. */
async function exchangesOf(
  domain: string,
  resolver: Resolver,
): Promise<Awaited<ReturnType<Resolver['exchanges']>> | string> {
  const itself = [{ exchange: domain, priority: 0 }]
  try {
    const exchanges = await within(resolver.exchanges(domain))
    const hosts = exchanges.filter(({ exchange }) => exchange !== '' && exchange !== '.')
    if (hosts.length === 0 && exchanges.length > 0)
      return `${domain} takes no mail: it has a null MX (RFC 7505); name its servers, or another domain`
    return hosts.length === 0 ? itself : hosts
  } catch (error) {
    const code = codeOf(error)
    return code === 'ENODATA' ? itself : `the MX records of ${domain}: ${code}`
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}

async function within<T>(looking: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${lookUpLimitMs} ms`)),
      lookUpLimitMs,
    )
  })
  return await Promise.race([looking, late]).finally(() => clearTimeout(timer))
}
