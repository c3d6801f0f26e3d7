/** The policies of a configuration, with those that are there when it names none. */
import { known } from '../known.ts'
import type { PolicyValues, SaidThresholds } from '../policy/policy-source.ts'
import { plainPolicy, policyOf, scorerNames, thresholds } from '../policy/policy-values.ts'
import type { Policy } from '../verdict/policy.ts'
import type { JudgeConfig } from './config.ts'
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
  judges: readonly JudgeConfig[],
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
    if (made.ok) {
      policies.set(name, made.value)
      checkScorers(name, made.value, { judges, report })
    } else {
      for (const { key, why } of made.mistakes) report(['policies', name, ...key.split('.')], why)
      policies.set(name, { name, ...plainPolicy })
    }
  }
  if (policies.size === 0)
    report(['policies'], 'has no policies; name one, or leave the key out for the built-in ones')
  return policies
}

const valuesOf = (written: PolicySettings): PolicyValues => {
  const { rspamd, spamd, headers } = written
  const scorers = known({
    rspamd: rspamd && thresholdsOf(rspamd),
    spamd: spamd && thresholdsOf(spamd),
    headers: headers && thresholdsOf(headers),
  })
  return {
    kind: 'values',
    ...thresholdsOf(written),
    ...(Object.keys(scorers).length > 0 && { scorers }),
    ...known({
      neverDefer: written.never_defer,
      neverReject: written.never_reject,
      noGreylisting: written.no_greylisting,
      rejectSymbols: written.reject_symbols,
      tagSymbols: written.tag_symbols,
      acceptSymbols: written.accept_symbols,
      acceptSenders: written.accept_senders,
      refuseSenders: written.refuse_senders,
      knownSendersOnly: written.known_senders_only,
      maxSizeBytes: written.max_size,
      rejectText: written.reject_text,
      group: written.group,
    }),
  }
}

const thresholdsOf = (written: NonNullable<PolicySettings['spamd']>): SaidThresholds =>
  known({
    tagAt: written.tag_at,
    quarantineAt: written.quarantine_at,
    deferAt: written.defer_at,
    rejectAt: written.reject_at,
  })

/** Thresholds that are compared with nothing, or two for one score. */
function checkScorers(
  name: string,
  policy: Policy,
  { judges, report }: { readonly judges: readonly JudgeConfig[]; readonly report: Report },
): void {
  const first = judges.find(({ kind }) => scorerNames.some((scorer) => scorer === kind))
  for (const judge of Object.keys(policy.scorers ?? {})) {
    if (!judges.some(({ kind }) => kind === judge))
      report(['policies', name, judge], `is about a judge that is not in judges; leave it out`)
    else if (first?.kind === judge && thresholds.some(([, field]) => policy[field] !== undefined))
      report(
        ['policies', name, judge],
        `is about the first judge that gives scores, and so are tag_at and the others; leave one of them out`,
      )
  }
}

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
