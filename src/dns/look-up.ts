/**
 * The addresses of a host, as the system finds them: /etc/hosts and search domains count. The
 * system goes on looking after everybody here has stopped waiting (10 s for each name server), and
 * libuv does two look-ups at a time, whatever their number. So nobody asks for a name that is being
 * looked up: a server that is asked for again and again would fill that queue for everyone.
 */
import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'

/** Rejects with an Error; its `code` is that of node:dns. */
export type LookUp = (host: string) => Promise<readonly LookupAddress[]>

/** Who asks for a name that is being looked up gets the same answer. */
export function joined(look: LookUp): LookUp {
  const underWay = new Map<string, ReturnType<LookUp>>()
  return async (host) => {
    const looking = underWay.get(host) ?? look(host).finally(() => underWay.delete(host))
    underWay.set(host, looking)
    return await looking
  }
}

export const lookUp = joined(async (host) => await lookup(host, { all: true, order: 'verbatim' }))

/** For sockets that find the host themselves. */
export const lookUpForSocket =
  (look: LookUp = lookUp): LookupFunction =>
  (host, { all, family }, callback) => {
    const wanted = family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : family
    look(host).then(
      (found) => {
        const fitting = found.filter(
          (one) => wanted === undefined || wanted === 0 || one.family === wanted,
        )
        const [first] = fitting
        if (first === undefined)
          callback(Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' }), '')
        else if (all === true) callback(null, fitting)
        else callback(null, first.address, first.family)
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), ''),
    )
  }
