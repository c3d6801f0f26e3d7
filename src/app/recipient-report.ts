/**
 * What is worked out for recipients, and why: the keys, what each source says, the policy, and who
 * shares an answer. The sources are asked anew, apart from a Rcptwise that runs.
 */
import type { Config } from '../config/config.ts'
import { lookUpKeys } from '../policy/look-up-keys.ts'
import { type Origins, originsOf, type Told } from '../policy/origins.ts'
import type { PolicyAnswer } from '../policy/policy-source.ts'
import { groupOf, type Offered, type Policy } from '../verdict/policy.ts'
import { openPolicySource, policySourceSettings } from './policy-source.ts'
import { type ConfiguredSource, policiesFrom } from './policies.ts'

export interface RecipientReport {
  readonly address: string
  /** The special one before the general one. */
  readonly keys: readonly string[]
  readonly told: readonly Told[]
  readonly origins: Origins
  /** Absent: the recipient would be answered 451. */
  readonly policy?: Policy
  /** Of these recipients, from 1. */
  readonly group?: number
}

const silent = { onFact: (): void => undefined, now: Date.now }

/** `sender`: address of the reverse-path. Rejects where a source can't be opened. */
export async function reportOn(
  { addresses, sender }: { readonly addresses: readonly string[]; readonly sender: string },
  config: Config,
): Promise<readonly RecipientReport[]> {
  await using closing = new AsyncDisposableStack()
  const sources: ConfiguredSource[] = []
  for (const source of config.recipients.sources) {
    const opened = await openPolicySource(policySourceSettings(source, config), silent)
    sources.push({
      source: closing.adopt(opened, async (one) => await one.close()),
      config: source,
    })
  }
  const { signal } = new AbortController()
  const told = await Promise.all(
    sources.map(async ({ source }) => ({
      source: source.name,
      answers: await source.policiesFor(addresses, signal),
    })),
  )
  const policies = await policiesFrom(sources, config, silent).policiesFor(addresses, signal)
  const groups = new Map<string, number>()
  return addresses.map((address, i): RecipientReport => {
    const policy = policyIn(policies[i])
    const { address: own, withoutDetail, domain } = lookUpKeys(address)
    const ofThem = told.map(({ source, answers }) => ({
      source,
      answer: answers[i] ?? ({ kind: 'unknown' } as const),
    }))
    return {
      address,
      keys: [own, withoutDetail, domain].filter((key) => key !== undefined),
      told: ofThem,
      origins: originsOf(ofThem),
      ...(policy !== undefined && { policy, group: numberOf(policy, { address, sender }, groups) }),
    }
  })
}

function policyIn(answer: PolicyAnswer | undefined): Policy | undefined {
  return answer?.kind === 'failed' ? answer.instead : answer?.policy
}

function numberOf(policy: Policy, offered: Offered, groups: Map<string, number>): number {
  const key = groupOf(policy, offered)
  const group = groups.get(key) ?? groups.size + 1
  groups.set(key, group)
  return group
}
