/** The policies of a configuration, with those that are there when it names none. */
import { known } from '../known.ts'
import type { PolicyValues } from '../policy/policy-source.ts'
import { plainPolicy, policyOf } from '../policy/policy-values.ts'
import type { Policy } from '../verdict/policy.ts'
import type { Report } from './report.ts'
import { inWords, someOf } from './in-words.ts'
import { nearest } from './nearest.ts'
import type { Settings } from './schema.ts'

type PolicySettings = NonNullable<Settings['policies']>[string]

/** What there is when the file has no `policies`: scores as SpamAssassin and rspamd give them. */
const builtIn: ReadonlyMap<string, Policy> = new Map(
  [
    { name: 'careful', tagAt: 6, rejectAt: 15, neverDefer: false },
    { name: 'tag-only', tagAt: 6, neverDefer: false },
    { name: 'strict', tagAt: 5, rejectAt: 8, neverDefer: false },
  ].map((policy) => [policy.name, policy]),
)

/** The policies by name. */
export function resolvePolicies(
  settings: Settings['policies'],
  report: Report,
): ReadonlyMap<string, Policy> {
  if (settings === undefined) return builtIn
  const policies = new Map<string, Policy>()
  for (const [name, written] of Object.entries(settings)) {
    if (!/^[a-z0-9_-]{1,64}$/.test(name)) {
      report(
        ['policies', name],
        'is no name for a policy, expected one of a to z, 0 to 9, "_" and "-"',
      )
    }
    const made = policyOf(valuesOf(written), { name, others: plainPolicy })
    if (made.ok) policies.set(name, made.value)
    else {
      for (const { key, why } of made.mistakes) report(['policies', name, key], why)
      policies.set(name, { name, ...plainPolicy })
    }
  }
  if (policies.size === 0)
    report(['policies'], 'has no policies; name one, or leave the key out for the built-in ones')
  return policies
}

const valuesOf = (written: PolicySettings): PolicyValues => ({
  kind: 'values',
  ...known({
    tagAt: written.tag_at,
    quarantineAt: written.quarantine_at,
    rejectAt: written.reject_at,
    neverDefer: written.never_defer,
  }),
})

/** The policy of recipients that no source knows; `careful` unless the file says otherwise. */
export function defaultPolicy(
  written: string | undefined,
  policies: ReadonlyMap<string, Policy>,
  report: Report,
): Policy {
  const name = written ?? 'careful'
  const found = policies.get(name)
  if (found !== undefined) return found
  const names = [...policies.keys()]
  const near = nearest(name, names)
  const got =
    written === undefined ? `is missing, and there is no policy "${name}"` : `got ${inWords(name)}`
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  report(['recipients', 'default'], `${got}, expected one of the policies: ${someOf(names)}${hint}`)
  return { name, neverDefer: false }
}
