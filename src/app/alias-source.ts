/** The configured sources of aliases: as those of policies, with addresses in place of policies. */
import type { Config, SourceConfig } from '../config/config.ts'
import type { Alias } from '../policy/aliases/alias.ts'
import { AliasEntries } from '../policy/aliases/alias-entries.ts'
import { openLinesFile } from '../policy/file-source.ts'
import { aliasesRead } from '../policy/keyed/keyed-source.ts'
import {
  askedSettings,
  type AskedSettings,
  openAsked,
  type OpenSource,
  type PolicySurroundings,
} from './asked-source.ts'
import { opened } from './policy-source.ts'

export type AliasSourceSettings = { readonly kind: 'file'; readonly path: string } | AskedSettings

export type OpenAliasSource = OpenSource<Alias>

/** @throws Error when a file that is read once can't be read */
export const aliasSourceSettings = (
  source: SourceConfig,
  { timeouts }: Pick<Config, 'timeouts'>,
): AliasSourceSettings => (source.kind === 'file' ? source : askedSettings(source, timeouts))

/** Whoever opens it closes it; it rejects where a source of policies does. */
export async function openAliasSource(
  settings: AliasSourceSettings,
  surroundings: PolicySurroundings,
): Promise<OpenAliasSource> {
  if (settings.kind !== 'file') return await openAsked(settings, aliasesRead, surroundings)
  const { onFact, now } = surroundings
  const file = await openLinesFile<Alias>({
    path: settings.path,
    namedIn: 'recipients.aliases',
    noEntries: () => new AliasEntries(),
    onFact,
    clock: now,
  })
  return opened(file, surroundings)
}
