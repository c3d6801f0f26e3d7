/** The configured sources of aliases: as those of policies, with addresses in place of policies. */
import type { Config, FileSourceConfig, SourceConfig } from '../config/config.ts'
import type { Alias } from '../policy/aliases/alias.ts'
import { AliasEntries } from '../policy/aliases/alias-entries.ts'
import { openLinesFile } from '../policy/file-source.ts'
import { aliasMapValues } from '../policy/postfix/map-values.ts'
import { RegexpEntries } from '../policy/postfix/regexp-entries.ts'
import { TexthashEntries } from '../policy/postfix/texthash-entries.ts'
import { aliasesRead } from '../policy/keyed/keyed-source.ts'
import {
  askedSettings,
  type AskedSettings,
  openAsked,
  type OpenSource,
  type PolicySurroundings,
} from './asked-source.ts'
import { isFile, opened } from './policy-source.ts'

export type AliasSourceSettings = FileSourceConfig | AskedSettings

export type OpenAliasSource = OpenSource<Alias>

/** @throws Error when a file that is read once can't be read */
export const aliasSourceSettings = (
  source: SourceConfig,
  { timeouts }: Pick<Config, 'timeouts'>,
): AliasSourceSettings => (isFile(source) ? source : askedSettings(source, timeouts))

/** Whoever opens it closes it; it rejects where a source of policies does. */
export async function openAliasSource(
  settings: AliasSourceSettings,
  surroundings: PolicySurroundings,
): Promise<OpenAliasSource> {
  if (!isFile(settings)) return await openAsked(settings, aliasesRead, surroundings)
  const { onFact, now } = surroundings
  const file = await openLinesFile<Alias>({
    ...settings,
    namedIn: 'recipients.aliases',
    noEntries: () => {
      switch (settings.kind) {
        case 'file':
          return new AliasEntries()
        case 'texthash':
          return new TexthashEntries(aliasMapValues)
        case 'regexp':
          return new RegexpEntries(aliasMapValues)
      }
    },
    onFact,
    clock: now,
  })
  return opened(file, surroundings)
}
