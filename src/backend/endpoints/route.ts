/**
 * Where mail can go: the configured servers, the endpoints (one address of one host) that they
 * stand for, and their weights. Pure: chance comes in as a number.
 */

/** One entry of `backend.servers`. */
export interface Server {
  /** As it is written in the configuration; also the label of its metrics. */
  readonly url: string
  /** A name or an address; with `mx`, the domain whose MX records name the hosts. */
  readonly host: string
  readonly port: number
  /** TLS comes before the greeting, in place of STARTTLS. */
  readonly implicitTls?: boolean
  /** LHLO, and one reply per recipient after the text (RFC 2033). */
  readonly lmtp?: boolean
  /** A socket's file, in place of host and port. */
  readonly socketPath?: string
  readonly mx?: boolean
  /** Lower ones first, as in an MX record (RFC 5321 5.1); absent: 0. */
  readonly priority?: number
  /** Share among servers of one priority; absent: 1. */
  readonly weight?: number
}

/** One address of one host. */
export interface Endpoint {
  readonly key: string
  readonly server: Server
  /** The name that its certificate has to have. */
  readonly host: string
  /** What is connected to. */
  readonly address: string
  readonly port: number
  /** Lower ones first: the server's priority, and within it the preference of its MX record. */
  readonly rank: number
}

/** Of an MX record; 16 bits (RFC 1035 3.3.9). */
const preferences = 65_536

export function endpointOf(
  server: Server,
  host: string,
  address: string,
  preference = 0,
): Endpoint {
  const { url, port, priority = 0 } = server
  const key = `${url} ${host} ${address}`
  return { key, server, host, address, port, rank: priority * preferences + preference }
}

export interface Weighted<T> {
  readonly value: T
  readonly weight: number
}

/** One of them, in proportion to the weights; `chance` is from 0 to below 1. */
export function pickWeighted<T>(from: readonly Weighted<T>[], chance: number): T | undefined {
  if (from.length <= 1) return from[0]?.value
  let left = chance * from.reduce((sum, { weight }) => sum + weight, 0)
  for (const { value, weight } of from) {
    left -= weight
    if (left < 0) return value
  }
  return from.at(-1)?.value
}

/**
 * All of them, each in front of the rest in proportion to the weights (as RFC 2782 orders SRV
 * records).
 */
export function orderWeighted<T>(from: readonly Weighted<T>[], chance: () => number): T[] {
  const rest = [...from]
  const order: T[] = []
  while (rest.length > 0) {
    const value = pickWeighted(rest, chance())
    const at = rest.findIndex((one) => one.value === value)
    order.push(...rest.splice(at, 1).map((one) => one.value))
  }
  return order
}

/** A host's weight is shared among its addresses, so that a host with many does not get more. */
export function sharedWeights<T extends Pick<Endpoint, 'server' | 'host'>>(
  alike: readonly T[],
): Weighted<T>[] {
  const name = ({ server, host }: T): string => `${server.url} ${host}`
  const addresses = Map.groupBy(alike, name)
  return alike.map((value) => ({
    value,
    weight: (value.server.weight ?? 1) / (addresses.get(name(value))?.length ?? 1),
  }))
}
