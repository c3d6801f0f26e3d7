/**
 * What is worked out for recipients, and why: the keys, what each source says, the policy, and who
 * shares an answer. The sources are asked anew, apart from a Rcptwise that runs.
 */
import type { Config } from '../config/config.ts'
import type { Mailboxes } from '../policy/aliases/mailboxes.ts'
import { lookUpKeys } from '../policy/look-up-keys.ts'
import { type Origins, originsOf, type Told } from '../policy/origins.ts'
import type { Failed, PolicyAnswer } from '../policy/policy-source.ts'
import { counting, told } from '../policy/resolved.ts'
import { groupOf, type Offered, type Policy } from '../verdict/policy.ts'
import { openSources, silent } from './open-sources.ts'
import { aliasesFrom, policiesFrom, type RecipientSources } from './policies.ts'

/** Of an address that policies are looked up for: the recipient's own, or a mailbox behind it. */
export interface MailboxReport {
  readonly mailbox: string
  /** The special one before the general one. */
  readonly keys: readonly string[]
  readonly told: readonly Told[]
  readonly origins: Origins
}

export interface RecipientReport {
  readonly address: string
  /** Why it is not known which mailboxes are behind it. */
  readonly aliasTrouble?: string
  /** Several, where aliases say so; none where a source of them fails. */
  readonly mailboxes: readonly MailboxReport[]
  /** What a session would be told. */
  readonly answer: PolicyAnswer
  /** Of the answer; absent: the recipient would be answered 451. */
  readonly policy?: Policy
  /** Of these recipients, from 1. */
  readonly group?: number
}

/** `sender`: address of the reverse-path. Rejects where a source can't be opened. */
export async function reportOn(
  { addresses, sender }: { readonly addresses: readonly string[]; readonly sender: string },
  config: Config,
): Promise<readonly RecipientReport[]> {
  await using closing = new AsyncDisposableStack()
  const sources = await openSources(config, closing)
  const { signal } = new AbortController()
  const behind = await aliasesFrom(sources.aliases, config.recipients)?.(addresses, signal)
  const boxes = addresses.map((address, i) => mailboxesIn(behind?.[i], address))
  const reports = await reportsOnMailboxes([...new Set(boxes.flat())], sources, config)
  const policies = await policiesFrom(sources, config, silent).policiesFor(addresses, signal)
  const groups = new Map<string, number>()
  return addresses.map((address, i): RecipientReport => {
    const answer = policies[i] ?? nobodyAnswered
    const policy = policyIn(answer)
    const aliasTrouble = troubleIn(behind?.[i])
    return {
      address,
      ...(aliasTrouble !== undefined && { aliasTrouble }),
      mailboxes: (boxes[i] ?? []).flatMap((mailbox) => reports.get(mailbox) ?? []),
      answer,
      ...(policy !== undefined && { policy, group: numberOf(policy, { address, sender }, groups) }),
    }
  })
}

/** What each source says of each of them. */
async function reportsOnMailboxes(
  mailboxes: readonly string[],
  sources: RecipientSources,
  { policies, recipients: { defaultPolicy } }: Pick<Config, 'policies' | 'recipients'>,
): Promise<ReadonlyMap<string, MailboxReport>> {
  const { signal } = new AbortController()
  const of = { policies, defaultPolicy }
  const all = await Promise.all(
    sources.policies.map(async ({ source }) => ({
      source: source.name,
      answers: await source.policiesFor(mailboxes, signal),
    })),
  )
  return new Map(
    mailboxes.map((mailbox, i): [string, MailboxReport] => {
      const { address, withoutDetail, domain } = lookUpKeys(mailbox)
      const ofIt = all.map(({ source, answers }) => ({
        source,
        answer: answers[i] ?? ({ kind: 'unknown' } as const),
      }))
      const said = ofIt.map(({ source, answer }) => ({ source, answer: told(answer, of) }))
      const counted = ofIt.map(({ source, answer }) => ({ source, answer: counting(answer, of) }))
      const keys = [address, withoutDetail, domain].filter((key) => key !== undefined)
      return [mailbox, { mailbox, keys, told: said, origins: originsOf(counted) }]
    }),
  )
}

type Behind = Mailboxes | Failed | undefined

function mailboxesIn(behind: Behind, address: string): readonly string[] {
  if (behind === undefined) return [address]
  return behind.kind === 'failed' ? [] : behind.of
}

function troubleIn(behind: Behind): string | undefined {
  return behind?.kind === 'failed' ? `${behind.source} failed: ${behind.why}` : behind?.trouble
}

const nobodyAnswered: PolicyAnswer = { kind: 'failed', source: 'recipients', why: 'no answer' }

const policyIn = (answer: PolicyAnswer): Policy | undefined =>
  answer.kind === 'failed' ? answer.instead : answer.policy

function numberOf(policy: Policy, offered: Offered, groups: Map<string, number>): number {
  const key = groupOf(policy, offered)
  const group = groups.get(key) ?? groups.size + 1
  groups.set(key, group)
  return group
}
