/**
 * RFC 5321 4.5.1: whoever has trouble with a domain can write to its postmaster, whom nobody has in
 * a list of senders. So `known_senders_only` is not said of that address, whatever source says it.
 */
import type { Policy } from '../verdict/policy.ts'
import type { Policies, PolicyAnswer } from './policy-source.ts'

export function openPostmaster(policies: Policies): Policies {
  /** One object for one policy: what is worked out of a policy is kept by it. */
  const known = new WeakMap<Policy, Policy>()
  const open = (policy: Policy): Policy => {
    if (!knowsSenders(policy)) return policy
    const made = known.get(policy) ?? forStrangers(policy)
    known.set(policy, made)
    return made
  }
  const opened = (answer: PolicyAnswer): PolicyAnswer => {
    if (answer.kind === 'found') return { ...answer, policy: open(answer.policy) }
    return answer.instead === undefined ? answer : { ...answer, instead: open(answer.instead) }
  }
  const openAll = (
    recipients: readonly string[],
    answers: readonly PolicyAnswer[],
  ): readonly PolicyAnswer[] =>
    answers.map((answer, i) => (isPostmaster(recipients[i] ?? '') ? opened(answer) : answer))
  return {
    policiesFor(recipients, signal): ReturnType<Policies['policiesFor']> {
      const answers = policies.policiesFor(recipients, signal)
      if (!recipients.some(isPostmaster)) return answers
      return answers instanceof Promise
        ? answers.then((later) => openAll(recipients, later))
        : openAll(recipients, answers)
    },
  }
}

/** `RCPT TO:<Postmaster>` has no domain. */
const isPostmaster = (address: string): boolean => /^postmaster(?:@|$)/i.test(address)

const knowsSenders = ({ knownSendersOnly, several }: Policy): boolean =>
  knownSendersOnly === true || several?.of.some(knowsSenders) === true

function forStrangers(policy: Policy): Policy {
  const { several } = policy
  const others = Object.fromEntries(
    Object.entries(policy).filter(([field]) => field !== 'knownSendersOnly'),
  ) as unknown as Policy
  return several === undefined
    ? others
    : { ...others, several: { ...several, of: several.of.map(forStrangers) } }
}
