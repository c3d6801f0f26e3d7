/** The configured sources of policies as one. Whoever has opened them closes them. */
import type { Config, SourceConfig } from '../config/config.ts'
import { chainPolicySources } from '../policy/chain.ts'
import { withDefaultPolicy } from '../policy/default-policy.ts'
import type { Policies, PolicySource } from '../policy/policy-source.ts'
import { resolved } from '../policy/resolved.ts'
import type { PolicySurroundings } from './policy-source.ts'

/** A source that is open, and how it is configured. */
export interface ConfiguredSource {
  readonly source: PolicySource
  readonly config: SourceConfig
}

/** The first that knows a recipient answers. */
export function policiesFrom(
  sources: readonly ConfiguredSource[],
  { policies, recipients }: Pick<Config, 'policies' | 'recipients'>,
  { onFact, now }: PolicySurroundings,
): Policies {
  const { defaultPolicy, onFailure } = recipients
  const chain = chainPolicySources(
    sources.map(({ source, config }) =>
      resolved(source, {
        policies,
        defaultPolicy,
        onFailure: config.kind === 'file' ? undefined : config.onFailure,
        onFact,
        now,
      }),
    ),
  )
  return withDefaultPolicy(chain, { defaultPolicy, onFailure })
}
