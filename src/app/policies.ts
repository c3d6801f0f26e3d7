/** The configured sources of policies as one. Whoever has opened them closes them. */
import type { Config } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import { chainPolicySources } from '../policy/chain.ts'
import { withDefaultPolicy } from '../policy/default-policy.ts'
import { inTime } from '../policy/in-time.ts'
import type { Policies, PolicySource } from '../policy/policy-source.ts'
import { resolved } from '../policy/resolved.ts'
import { timed } from '../policy/timed.ts'

interface PolicySurroundings {
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
}

/** Each is asked in time, and its time is told; the first that knows a recipient answers. */
export function policiesFrom(
  sources: readonly PolicySource[],
  { policies, recipients, timeouts }: Pick<Config, 'policies' | 'recipients' | 'timeouts'>,
  { onFact, now }: PolicySurroundings,
): Policies {
  const { defaultPolicy, onFailure } = recipients
  const chain = chainPolicySources(
    sources.map((source) => {
      const asked = timed(inTime(source, timeouts.policyMs), { onFact, now })
      return resolved(asked, { policies, defaultPolicy })
    }),
  )
  return withDefaultPolicy(chain, { defaultPolicy, onFailure })
}
