/** What each recipient of a message that was passed on would have been told, and at what cost. */
import type { ObservedFact, WouldBe } from '../facts/observed.ts'
import type { JudgedEnvelope } from '../judge/judge.ts'
import type { PolicyAnswer } from '../policy/policy-source.ts'
import { describeReply, isPermanent } from '../smtp/reply.ts'
import { strategyNames } from '../strategy/names.ts'
import { shadowCost, type ShadowRecipient } from '../strategy/shadow.ts'
import { type Findings, scoreOf, symbolsOf } from '../verdict/judgement.ts'
import { isDelivered } from '../verdict/parcels.ts'
import { groupOf, type Policy, wishBeforeText } from '../verdict/policy.ts'
import { reason } from '../verdict/reason.ts'
import type { Decided } from '../verdict/verdict.ts'
import { wantedOf } from '../verdict/wanted.ts'
import { asksForAuthor, judgedAs } from './judged-envelope.ts'
import type { ObservedMessage, ObservedRecipient } from './observed-message.ts'
import { known } from '../known.ts'

export interface Found {
  readonly findings: Findings
  /** Of each recipient, in their order. */
  readonly policies: readonly PolicyAnswer[]
}

type Told = Pick<ObservedFact, 'recipients' | 'divided' | 'costs' | 'score' | 'symbols'>

const policyIn = (answer: PolicyAnswer | undefined): Policy | undefined =>
  answer?.kind === 'found' ? answer.policy : answer?.instead

export function wouldBe(message: ObservedMessage, { findings, policies }: Found): Told {
  const groups = new Map<string, number>()
  const recipients = message.recipients.map((recipient, i) =>
    wouldBeOf(message, recipient, { findings, groups, policy: policyIn(policies[i]) }),
  )
  const offered = recipients.map(asShadow)
  const taking = offered.filter(({ fate }) => fate === 'through')
  const refusing = taking.filter(({ verdict }) => verdict === 'reject').length
  return {
    recipients,
    divided: refusing > 0 && refusing < taking.length,
    ...(message.splittable && {
      costs: strategyNames.map((strategy) => ({
        strategy,
        forcedRetries: shadowCost(strategy, offered, message.peer),
      })),
    }),
    ...known({ score: scoreOf(findings), symbols: symbolsOf(findings) }),
  }
}

interface Seen {
  readonly findings: Findings
  /** Numbers of the groups, as they are met. */
  readonly groups: Map<string, number>
  readonly policy: Policy | undefined
}

function wouldBeOf(
  message: ObservedMessage,
  { index, address, key, told }: ObservedRecipient,
  { findings, groups, policy }: Seen,
): WouldBe {
  const said = { address, told: describeReply(told) }
  if (policy === undefined)
    return { ...said, verdict: 'defer', reason: reason('policy failed'), at: 'RCPT' }
  const { sender, sizeBytes } = message
  const group = groupOf(policy, { address: key, sender })
  if (!groups.has(group)) groups.set(group, groups.size + 1)
  const early = refusedAtRcpt(message, policy)
  const { verdict, reason: why } =
    early ?? behindServer(wantedOf(findings, { index, policy }, { sender, sizeBytes }), told)
  return {
    ...said,
    policy: policy.name,
    ...known({ group: groups.get(group) }),
    verdict,
    reason: why,
    at: early === undefined ? 'text' : 'RCPT',
  }
}

/** As own-words.ts has it for a recipient that is offered. */
function refusedAtRcpt(
  { sender, declaredBytes = 0 }: ObservedMessage,
  policy: Policy,
): Decided | undefined {
  const { maxSizeBytes = Infinity } = policy
  if (declaredBytes > maxSizeBytes) return { verdict: 'reject', reason: reason('max_size') }
  return wishBeforeText(policy, sender) === 'refuse'
    ? { verdict: 'reject', reason: reason('refuse_senders') }
    : undefined
}

/** Who would have been given the text hears what the server behind says to it. */
const behindServer = (wanted: Decided, told: ObservedRecipient['told']): Decided =>
  isDelivered(wanted.verdict) && isPermanent(told)
    ? { verdict: 'reject', reason: reason('backend at text') }
    : wanted

const asShadow = ({ group, verdict, at }: WouldBe): ShadowRecipient => ({
  ...known({ group }),
  fate: at === 'text' ? 'through' : verdict === 'reject' ? 'refused' : 'postponed',
  verdict,
})

/** With what judges are told of policies, and of those who would have gone through. */
export function judgedAnew(
  envelope: JudgedEnvelope,
  { recipients, sender }: ObservedMessage,
  answers: readonly PolicyAnswer[],
): JudgedEnvelope {
  const policies = answers.map(policyIn)
  return {
    ...envelope,
    recipients: recipients.map(({ index, address, key }, i) => {
      const policy = policies[i]
      const group = policy === undefined ? '' : groupOf(policy, { address: key, sender })
      return judgedAs({ index, address, group }, policy)
    }),
    ...(policies.some(asksForAuthor) && { wantsAuthor: true }),
  }
}
