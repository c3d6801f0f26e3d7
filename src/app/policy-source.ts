/** The configured sources of policies: what each is opened with. */
import type { Config, SourceConfig } from '../config/config.ts'
import { nameOf } from '../exchange/http.ts'
import { type FileKind, type LinesFile, openLinesFile } from '../policy/file-source.ts'
import { policiesRead } from '../policy/keyed/keyed-source.ts'
import type { LineEntries } from '../policy/line-entries.ts'
import { PolicyEntries } from '../policy/policy-entries.ts'
import type { PolicySource, RawPolicy } from '../policy/policy-source.ts'
import { policyMapValues } from '../policy/postfix/map-values.ts'
import { RegexpEntries } from '../policy/postfix/regexp-entries.ts'
import { TexthashEntries } from '../policy/postfix/texthash-entries.ts'
import { nameOfLdap } from '../policy/ldap/url.ts'
import { nameOfRedis } from '../policy/redis/name.ts'
import { nameOfSocketmap } from '../policy/socketmap/socketmap-store.ts'
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
      readonly kind: FileKind
      readonly path: string
      /** Names of the policies that there are. */
      readonly policies: readonly string[]
    }
  | AskedSettings

/** All of it is in memory. */
export const isFile = <One extends { readonly kind: string }>(
  one: One,
): one is Extract<One, { readonly kind: FileKind }> =>
  ['file', 'texthash', 'regexp'].includes(one.kind)

/** As log and metrics name it; the same as that of the open source. */
export function sourceName(source: SourceConfig): string {
  switch (source.kind) {
    case 'file':
    case 'texthash':
    case 'regexp':
    case 'sqlite':
      return `${source.kind}:${source.path}`
    case 'http':
      return `http:${nameOf(source.server)}`
    case 'socketmap':
      return nameOfSocketmap(source)
    case 'ldap':
      return nameOfLdap(source.url)
    case 'redis':
      return nameOfRedis(source.url)
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
  isFile(source) ? { ...source, policies: [...policies.keys()] } : askedSettings(source, timeouts)

/**
 * Whoever opens it closes it. A database that is away is no reason to reject; a file that can't be
 * read is, and so is a query that can't be meant.
 */
export async function openPolicySource(
  settings: PolicySourceSettings,
  surroundings: PolicySurroundings,
): Promise<OpenPolicySource> {
  if (!isFile(settings)) return await openAsked(settings, policiesRead, surroundings)
  const { onFact, now: clock } = surroundings
  const { kind, path, policies } = settings
  const values = policyMapValues(policies)
  const file = await openLinesFile<RawPolicy>({
    ...{ kind, path, onFact, clock },
    namedIn: 'recipients.sources',
    noEntries: (): LineEntries<RawPolicy> => {
      switch (kind) {
        case 'file':
          return new PolicyEntries(policies)
        case 'texthash':
          return new TexthashEntries(values)
        case 'regexp':
          return new RegexpEntries(values)
      }
    },
  })
  return opened(file, surroundings)
}

export const opened = <Found>(
  file: LinesFile<Found>,
  surroundings: PolicySurroundings,
): OpenSource<Found> => ({
  ...timed(file, surroundings),
  entries: file.entries,
  renew: async () => await file.reload(),
})
