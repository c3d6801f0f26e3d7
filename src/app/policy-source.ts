/** The configured sources of policies: what each is opened with. */
import type { Config, SourceConfig } from '../config/config.ts'
import { nameOf } from '../exchange/http.ts'
import { type LinesFile, openPolicyFile } from '../policy/file-source.ts'
import { policiesRead } from '../policy/keyed/keyed-source.ts'
import type { PolicySource, RawPolicy } from '../policy/policy-source.ts'
import { timed } from '../policy/timed.ts'
import {
  askedSettings,
  type AskedSettings,
  openAsked,
  type OpenSource,
  type PolicySurroundings,
} from './asked-source.ts'

export type PolicySourceSettings =
  | {
      readonly kind: 'file'
      readonly path: string
      /** Names of the policies that there are. */
      readonly policies: readonly string[]
    }
  | AskedSettings

/** As log and metrics name it; the same as that of the open source. */
export function sourceName(source: SourceConfig): string {
  switch (source.kind) {
    case 'file':
    case 'sqlite':
      return `${source.kind}:${source.path}`
    case 'http':
      return `http:${nameOf(source.server)}`
    case 'postgres':
    case 'mysql':
      return `${source.kind}:${source.database}@${source.host}`
  }
}

export type OpenPolicySource = PolicySource & OpenSource<RawPolicy>

/**
 * What follows from its failure is not among its settings: that may change while it stays open.
 * Files that are read once are among them with what stands in them.
 * @throws Error when such a file can't be read
 */
export const policySourceSettings = (
  source: SourceConfig,
  { policies, timeouts }: Pick<Config, 'policies' | 'timeouts'>,
): PolicySourceSettings =>
  source.kind === 'file'
    ? { ...source, policies: [...policies.keys()] }
    : askedSettings(source, timeouts)

/**
 * Whoever opens it closes it. A database that is away is no reason to reject; a file that can't be
 * read is, and so is a query that can't be meant.
 */
export async function openPolicySource(
  settings: PolicySourceSettings,
  surroundings: PolicySurroundings,
): Promise<OpenPolicySource> {
  if (settings.kind !== 'file') return await openAsked(settings, policiesRead, surroundings)
  const { onFact, now } = surroundings
  return opened(await openPolicyFile({ ...settings, onFact, clock: now }), surroundings)
}

export const opened = <Found>(
  file: LinesFile<Found>,
  surroundings: PolicySurroundings,
): OpenSource<Found> => ({
  ...timed(file, surroundings),
  entries: file.entries,
  renew: async () => await file.reload(),
})
