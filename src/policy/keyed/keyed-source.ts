/**
 * Policies or aliases from a store that is asked by keys: one question of the store for all
 * recipients of a question, or a few where there are very many.
 */
import type { Alias } from '../aliases/alias.ts'
import { allAbandoned, allFailed } from '../failed.ts'
import type { Answer, Answers, RawPolicy, Source, Unknown } from '../policy-source.ts'
import { columnsIn } from '../policy-columns.ts'
import { parsePolicyText } from '../policy-text.ts'
import { mostKeys } from './bounds.ts'
import type { Entries, Entry } from './entry.ts'
import { checkAliasColumns, FoundAliases, mailboxColumn } from './found-aliases.ts'
import { checkPolicyColumns, FoundEntries } from './found-entries.ts'
import { tableKeys } from './keys.ts'

/** A database, a directory, a server: what has entries by keys. */
export interface Store {
  /** For the log and the metrics; without a password. */
  readonly name: string
  /**
   * `keys`: addresses and `@domain`, each once. Rejects with what is wrong; ends when nobody waits
   * any more. Entries of other keys are nobody's.
   */
  ask(keys: readonly string[], signal: AbortSignal): Promise<Entries>
  /** Ends what is being asked. */
  close(): Promise<void>
}

/** What a store is read for. */
export interface Reading<Found> {
  /** @throws Error where a query has other columns than it may have, in lower case */
  readonly checkColumns: (names: readonly string[]) => void
  /** What is said where there are no columns, but one value for a key. */
  readonly ofValue: (value: unknown) => Entry
  /** The same of a store that has nothing but texts. */
  readonly ofText: (text: string) => Entry
  readonly found: (entries: Entries) => FoundByKeys<Found>
}

interface FoundByKeys<Found> {
  /** `keys`: the special one before the general one. */
  sayOf(keys: readonly string[]): Found | Unknown
}

/** What can't be read is told as the name of a policy that nobody has. */
function policyInText(text: string): Entry {
  const parsed = parsePolicyText(text)
  return parsed.ok ? columnsIn(parsed.columns) : { policy: text }
}

export const policiesRead: Reading<RawPolicy> = {
  checkColumns: checkPolicyColumns,
  ofValue: (policy) => ({ policy }),
  ofText: policyInText,
  found: (entries) => new FoundEntries(entries),
}

export const aliasesRead: Reading<Alias> = {
  checkColumns: checkAliasColumns,
  ofValue: (mailbox) => ({ [mailboxColumn]: mailbox }),
  ofText: (mailbox) => ({ [mailboxColumn]: mailbox }),
  found: (entries) => new FoundAliases(entries),
}

interface Recipient {
  readonly address: string
  readonly keys: readonly string[]
}

export function keyedSource<Found>(store: Store, reading: Reading<Found>): Source<Found> {
  const { name } = store
  const ask = async (
    recipients: readonly Recipient[],
    signal: AbortSignal,
  ): Promise<readonly Answer<Found>[]> => {
    const keys = new Set(recipients.flatMap((each) => each.keys))
    try {
      const found = reading.found(await store.ask([...keys], signal))
      return recipients.map((each) => found.sayOf(each.keys))
    } catch (error) {
      const addresses = recipients.map(({ address }) => address)
      return allFailed(addresses, name, error instanceof Error ? error.message : String(error))
    }
  }
  const askInParts = async (
    recipients: readonly Recipient[],
    signal: AbortSignal,
  ): Promise<readonly Answer<Found>[]> => {
    const answers: Answer<Found>[] = []
    for (const part of inParts(recipients)) answers.push(...(await ask(part, signal)))
    return answers
  }
  return {
    name,
    policiesFor(addresses, signal): Answers<Found> {
      if (signal.aborted) return allAbandoned(addresses, name)
      const recipients = addresses.map((address) => ({ address, keys: tableKeys(address) }))
      return recipients.every(({ keys }) => keys.length === 0)
        ? addresses.map(() => ({ kind: 'unknown' }))
        : askInParts(recipients, signal)
    },
    close: async () => await store.close(),
  }
}

/** As few as the bound of a question allows. */
function inParts(recipients: readonly Recipient[]): readonly (readonly Recipient[])[] {
  const parts: Recipient[][] = []
  let part: Recipient[] = []
  let keys = new Set<string>()
  for (const each of recipients) {
    const fresh = each.keys.filter((key) => !keys.has(key))
    if (part.length === 0 || keys.size + fresh.length > mostKeys) {
      part = []
      keys = new Set()
      parts.push(part)
    }
    part.push(each)
    for (const key of each.keys) keys.add(key)
  }
  return parts
}
