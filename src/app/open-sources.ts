/** The sources of policies and aliases, opened anew, apart from a Rcptwise that runs. */
import type { Config } from '../config/config.ts'
import { aliasSourceSettings, openAliasSource } from './alias-source.ts'
import { openPolicySource, policySourceSettings } from './policy-source.ts'
import type { ConfiguredAliasSource, ConfiguredSource, RecipientSources } from './policies.ts'

export const silent = { onFact: (): void => undefined, now: Date.now }

/** Rejects where one can't be opened. */
export async function openSources(
  config: Config,
  closing: AsyncDisposableStack,
): Promise<RecipientSources> {
  const adopt = <One extends { close(): Promise<void> }>(opened: One): One =>
    closing.adopt(opened, async (one) => await one.close())
  const policies: ConfiguredSource[] = []
  for (const source of config.recipients.sources) {
    const opened = await openPolicySource(policySourceSettings(source, config), silent)
    policies.push({ source: adopt(opened), config: source })
  }
  const aliases: ConfiguredAliasSource[] = []
  for (const source of config.recipients.aliases) {
    const opened = await openAliasSource(aliasSourceSettings(source, config), silent)
    aliases.push({ source: adopt(opened), config: source })
  }
  return { policies, aliases }
}
