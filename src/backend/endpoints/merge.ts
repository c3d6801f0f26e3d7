/**
 * What several servers offer together: a client is promised only what every one of them can keep.
 * Pure.
 */
import type { Extensions } from '../../smtp/ehlo.ts'

/**
 * The keywords that all offer, in the first one's order. Of parameters what all of them say; the
 * smallest SIZE (RFC 1870), the longest least time of DELIVERBY (RFC 2852 2). One server without a
 * SIZE of its own takes any.
 */
export function mergeExtensions(servers: readonly Extensions[]): Extensions {
  const [first, ...others] = servers
  if (first === undefined || others.length === 0) return first ?? new Map()
  const merged = new Map<string, string>()
  for (const [keyword, parameters] of first) {
    if (keyword === 'SIZE') continue
    let common: string | undefined = parameters
    for (const other of others)
      common = common === undefined ? undefined : both(keyword, common, other.get(keyword))
    if (common !== undefined) merged.set(keyword, common)
  }
  const sizes = servers.map((server) => server.get('SIZE')).filter((size) => size !== undefined)
  if (sizes.length > 0) merged.set('SIZE', smallest(sizes))
  return merged
}

function both(keyword: string, one: string, other: string | undefined): string | undefined {
  if (other === undefined || one === other) return other
  if (keyword === 'DELIVERBY') return String(Math.max(Number(one) || 0, Number(other) || 0))
  const words = new Set(other.split(' '))
  const common = one.split(' ').filter((word) => words.has(word))
  // A list with nothing in common is an ability that they do not share; a bare keyword goes with
  // anything.
  return common.length === 0 && one !== '' && other !== '' ? undefined : common.join(' ')
}

/** 0 is no limit. */
function smallest(sizes: readonly string[]): string {
  const limits = sizes.map(Number).filter((size) => size > 0)
  return limits.length === 0 ? '' : String(Math.min(...limits))
}
