/**
 * What `check` says of a domain's MX records: how many names it has decides how quickly some
 * senders finish a split (senders.md).
 */
import { Resolver } from 'node:dns/promises'
import { type Finding, note } from './finding.ts'

export interface MxHost {
  readonly name: string
  readonly priority: number
  /** Empty when it has none, or nobody said. */
  readonly addresses: readonly string[]
}

/**
 * What is looked up; a domain without records gives none. Rejects with what the name server said.
 */
export type LookUpMx = (domain: string) => Promise<readonly MxHost[]>

/** More would make `check` slow for little. */
const mostDomains = 5
const patience = { timeout: 2000, tries: 2 }

/** One note a domain. Patterns such as `*.example.org` are no domains to look up. */
export async function adviseOnDomains(
  domains: readonly string[],
  lookUp: LookUpMx = lookUpMx,
): Promise<Finding[]> {
  const exact = domains.filter((domain) => !domain.startsWith('*.'))
  const lines = await Promise.all(
    exact.slice(0, mostDomains).map(async (domain) => {
      try {
        return note('mx', adviseOnMx(domain, await lookUp(domain)), domain)
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        const text = `the records of ${domain} could not be looked up (${why}); ${generalAdvice}`
        return note('mx', text, domain)
      }
    }),
  )
  return lines.length === 0 ? [note('mx', generalAdvice)] : lines
}

/**
 * Postfix and sendmail try the next name at once, even where both have one address, and Postfix two
 * hosts a delivery; Exim wants another address (senders: several MX names). Others gain nothing,
 * and lose nothing.
 */
export const generalAdvice =
  'publish two or three MX names that lead here, with different addresses where you can: Postfix, sendmail and Exim then finish a split at once at the next name'

export function adviseOnMx(domain: string, hosts: readonly MxHost[]): string {
  const sorted = hosts.toSorted((a, b) => a.priority - b.priority)
  const names = [...new Set(sorted.map(({ name }) => name))]
  const [first] = names
  if (first === undefined) {
    return `${domain} has no MX record; ${generalAdvice}`
  }
  if (names.length === 1) {
    const next = `${domain}. MX ${(sorted[0]?.priority ?? 0) + 10} ${secondName(first, domain)}.`
    return `${domain} has one MX name, ${first}: senders that are deferred wait for their next queue run (Postfix 5 to 10 minutes, Exim 15 to 30). Publish a second one that leads here, such as "${next}": Postfix and sendmail then finish a split at once even if both names have one address, Exim if they have two`
  }
  const addresses = new Set(sorted.flatMap((host) => host.addresses))
  const shown = names.join(', ')
  if (addresses.size === 1)
    return `${domain} has ${names.length} MX names with one address (${shown}): Postfix and sendmail finish a split at once; for Exim the names need different addresses`
  return `${domain} has ${names.length} MX names (${shown}): Postfix, sendmail and Exim finish a split at once, if all of them lead to front-ends with one ledger`
}

/** `mx.example.org` and `mx1.example.org` lead to `mx2.example.org`. */
function secondName(first: string, domain: string): string {
  const [label = '', ...rest] = first.split('.')
  const [, word = '', digits = ''] = /^([a-z-]+)(\d*)$/i.exec(label) ?? []
  if (first === domain || word === '') return `mx2.${domain}`
  return [`${word}${digits === '' ? 2 : Number(digits) + 1}`, ...rest].join('.')
}

async function lookUpMx(domain: string): Promise<readonly MxHost[]> {
  const resolver = new Resolver(patience)
  const records = await resolver.resolveMx(domain).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENODATA') return []
    throw error
  })
  return await Promise.all(
    records.map(async ({ exchange, priority }) => {
      const found = await Promise.allSettled([
        resolver.resolve4(exchange),
        resolver.resolve6(exchange),
      ])
      const addresses = found.flatMap((answer) =>
        answer.status === 'fulfilled' ? answer.value : [],
      )
      return { name: exchange.toLowerCase(), priority, addresses }
    }),
  )
}
