/**
 * Policies by mailbox: a recipient has the policy of the mailbox behind the address; of several
 * mailboxes' policies the one that `recipients.several` says.
 */
import type { FactListener } from '../../facts/fact.ts'
import type { Policy } from '../../verdict/policy.ts'
import { decided, type DefaultPolicyOptions } from '../default-policy.ts'
import type { Failed, Policies, PolicyAnswer } from '../policy-source.ts'
import { type Several, together } from '../together.ts'
import type { AskMailboxes, Mailboxes } from './mailboxes.ts'

export interface BehindAliasesOptions extends DefaultPolicyOptions {
  readonly mailboxes: AskMailboxes
  readonly several: Several | 'default'
  /** Gets aliasesWrong. */
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
}

export function behindAliases(policies: Policies, options: BehindAliasesOptions): Policies {
  const { mailboxes, onFact, now } = options
  const tell = (behind: Mailboxes | Failed, recipient: string): void => {
    if (behind.kind === 'mailboxes' && behind.trouble !== undefined)
      onFact({ kind: 'aliasesWrong', at: now(), recipient, why: behind.trouble })
  }
  return {
    async policiesFor(recipients, signal): Promise<readonly PolicyAnswer[]> {
      const behind = await mailboxes(recipients, signal)
      for (const [i, recipient] of recipients.entries()) {
        const each = behind[i]
        if (each !== undefined) tell(each, recipient)
      }
      const all = [...new Set(behind.flatMap((each) => (each.kind === 'failed' ? [] : each.of)))]
      const answers = all.length === 0 ? [] : await policies.policiesFor(all, signal)
      const byMailbox = new Map(
        all.flatMap((mailbox, i): [string, PolicyAnswer][] => {
          const answer = answers[i]
          return answer === undefined ? [] : [[mailbox, answer]]
        }),
      )
      return behind.map((each) =>
        each.kind === 'failed'
          ? decided(each, options)
          : ofSeveral(
              each.of.flatMap((mailbox) => byMailbox.get(mailbox) ?? []),
              options,
            ),
      )
    },
  }
}

/** Where one of them can't be had, nobody knows which is the mildest. */
function ofSeveral(
  answers: readonly PolicyAnswer[],
  { several, defaultPolicy }: BehindAliasesOptions,
): PolicyAnswer {
  const [only, ...others] = answers
  if (only === undefined) return { kind: 'found', policy: defaultPolicy }
  if (others.length === 0) return only
  const failed = answers.find((answer) => answer.kind === 'failed')
  const [first, ...rest] = answers.flatMap((answer) => policyIn(answer) ?? [])
  if (first === undefined || rest.length < others.length)
    return answers.find((answer) => policyIn(answer) === undefined) ?? only
  const policy = several === 'default' ? defaultPolicy : together([first, ...rest], several)
  return failed === undefined ? { kind: 'found', policy } : { ...failed, instead: policy }
}

const policyIn = (answer: PolicyAnswer): Policy | undefined =>
  answer.kind === 'failed' ? answer.instead : answer.policy
