/** The sources of policies and aliases, opened anew, apart from a Rcptwise that runs. */
import type { Config } from '../config/config.ts'
import { aliasSourceSettings, openAliasSource } from './alias-source.ts'
import { openPolicySource, policySourceSettings } from './policy-source.ts'
import { UnusableSourceError } from '../policy/unusable-source.ts'
import type { ConfiguredAliasSource, ConfiguredSource, RecipientSources } from './policies.ts'

export const silent = { onFact: (): void => undefined, now: Date.now }

/** @throws UnusableSourceError where one can't be opened. */
export async function openSources(
  config: Config,
  closing: AsyncDisposableStack,
): Promise<RecipientSources> {
  const adopt = <One extends { close(): Promise<void> }>(opened: One): One =>
    closing.adopt(opened, async (one) => await one.close())
  const policies: ConfiguredSource[] = []
  for (const source of config.recipients.sources) {
    const opened = await usable(openPolicySource(policySourceSettings(source, config), silent))
    policies.push({ source: adopt(opened), config: source })
  }
  const aliases: ConfiguredAliasSource[] = []
  for (const source of config.recipients.aliases) {
    const opened = await usable(openAliasSource(aliasSourceSettings(source, config), silent))
    aliases.push({ source: adopt(opened), config: source })
  }
  return { policies, aliases }
}

async function usable<Source>(opening: Promise<Source>): Promise<Source> {
  try {
    return await opening
  } catch (error) {
    throw new UnusableSourceError(error instanceof Error ? error.message : String(error))
  }
}
