/** What the value of an entry in one of Postfix's maps may say, as policy or as alias. Pure. */
import { type Alias, isTarget, targetsIn } from '../aliases/alias.ts'
import { saidBy } from '../keyed/found-entries.ts'
import { columnsIn } from '../policy-columns.ts'
import type { RawPolicy } from '../policy-source.ts'
import { parsePolicyText } from '../policy-text.ts'
import { plainPolicy, policyOf } from '../policy-values.ts'
import { mistakesInWords, shown } from '../shown.ts'

/** What is wrong with it, or what it says. */
export type Value<Found> =
  { readonly ok: true; readonly found: Found } | { readonly ok: false; readonly why: string }

export interface MapValues<Found> {
  /** What stands in the file is checked when it is read. */
  readonly read: (value: string, key: string) => Value<Found>
  /** What is put together of an address and an entry; what is wrong is found, too, and is told. */
  readonly late: (value: string, key: string) => Found | undefined
}

/** `names`: the policies that there are. */
export function policyMapValues(names: readonly string[]): MapValues<RawPolicy> {
  const known = new Set(names)
  // A file has few values for many keys.
  const read = new Map<string, Value<RawPolicy>>()
  const readOnce = (value: string): Value<RawPolicy> => {
    const before = read.get(value)
    if (before !== undefined) return before
    const made = policyIn(value, known)
    if (read.size < mostValuesKept) read.set(value, made)
    return made
  }
  return {
    read: readOnce,
    late(value) {
      const made = policyIn(value, known)
      return made.ok ? made.found : { kind: 'wrong', why: made.why }
    },
  }
}

const mostValuesKept = 10_000
const mostNamed = 20

function policyIn(text: string, names: ReadonlySet<string>): Value<RawPolicy> {
  const parsed = parsePolicyText(text)
  if (!parsed.ok) return parsed
  const raw = saidBy(columnsIn(parsed.columns))
  if (raw === undefined) return { ok: false, why: `${shown(text)} says nothing` }
  if (raw.kind === 'wrong') return { ok: false, why: raw.why }
  const named = raw.kind === 'named' ? raw : raw.behind
  if (named?.kind === 'named' && !names.has(named.name)) {
    const some = [...names].slice(0, mostNamed).join(', ')
    return { ok: false, why: `there is no policy ${shown(named.name)}, expected one of ${some}` }
  }
  const made = raw.kind === 'values' ? policyOf(raw, { name: '', others: plainPolicy }) : undefined
  return made?.ok === false
    ? { ok: false, why: mistakesInWords(made.mistakes) }
    : { ok: true, found: raw }
}

export const aliasMapValues: MapValues<Alias> = {
  read(value, key) {
    const to = targetsIn(value)
    const odd = to.find((target) => !isTarget(target, key))
    return odd === undefined && to.length > 0
      ? { ok: true, found: { kind: 'alias', key, to } }
      : { ok: false, why: `${shown(odd ?? value)} is no mailbox, expected user@example.org` }
  },
  late(value, key) {
    const to = targetsIn(value).filter((target) => isTarget(target, key))
    return to.length === 0 ? undefined : { kind: 'alias', key, to }
  },
}
