/** The configured sources of policies as one. Whoever has opened them closes them. */
import type { Config, SourceConfig } from '../config/config.ts'
import type { AliasSource } from '../policy/aliases/alias.ts'
import { behindAliases } from '../policy/aliases/behind-aliases.ts'
import { type AskMailboxes, mailboxesBehind } from '../policy/aliases/mailboxes.ts'
import { chainPolicySources } from '../policy/chain.ts'
import { withDefaultPolicy } from '../policy/default-policy.ts'
import type { OnFailure, Policies, PolicySource } from '../policy/policy-source.ts'
import { openPostmaster } from '../policy/postmaster.ts'
import { resolved } from '../policy/resolved.ts'
import type { PolicySurroundings } from './asked-source.ts'
import { isFile } from './policy-source.ts'

/** A source that is open, and how it is configured. */
export interface ConfiguredSource {
  readonly source: PolicySource
  readonly config: SourceConfig
}

/** A source of aliases that is open, and how it is configured. */
export interface ConfiguredAliasSource {
  readonly source: AliasSource
  readonly config: SourceConfig
}

export interface RecipientSources {
  readonly policies: readonly ConfiguredSource[]
  /** None: the address itself counts. */
  readonly aliases: readonly ConfiguredAliasSource[]
}

/** Undefined where nothing is looked up. */
export function aliasesFrom(
  sources: readonly ConfiguredAliasSource[],
  { aliasSteps, aliasMailboxes }: Config['recipients'],
): AskMailboxes | undefined {
  if (sources.length === 0) return undefined
  const asked = sources.map(({ source, config }) => ({ source, onFailure: onFailureOf(config) }))
  return mailboxesBehind(asked, { mostSteps: aliasSteps, mostMailboxes: aliasMailboxes })
}

const onFailureOf = (config: SourceConfig): OnFailure | undefined =>
  isFile(config) ? undefined : config.onFailure

/** With the policies of the mailboxes where there are aliases. */
export function policiesFrom(
  sources: RecipientSources,
  config: Pick<Config, 'policies' | 'recipients'>,
  surroundings: PolicySurroundings,
): Policies {
  const { recipients } = config
  const policies = policiesOfAddresses(sources.policies, config, surroundings)
  const mailboxes = aliasesFrom(sources.aliases, recipients)
  return openPostmaster(
    mailboxes === undefined
      ? policies
      : behindAliases(policies, { mailboxes, ...recipients, ...surroundings }),
  )
}

/** The first that knows a recipient answers. */
function policiesOfAddresses(
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
        onFailure: onFailureOf(config),
        onFact,
        now,
      }),
    ),
  )
  return withDefaultPolicy(chain, { defaultPolicy, onFailure })
}
