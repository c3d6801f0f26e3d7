/** The log lines of what happens with sources of policies. */
import type { PolicyFact } from '../facts/policies.ts'
import { cutText } from './cut.ts'
import type { Log } from './log.ts'

export function onPolicies(log: Log, fact: PolicyFact): void {
  switch (fact.kind) {
    case 'policyFailed': {
      const { kind: event, transaction, recipient, source, why } = fact
      log.warn(
        { event, transaction, recipient: cutText(recipient), source, why: cutText(why) },
        'policy of a recipient could not be looked up',
      )
      return
    }
    case 'policyWrong': {
      const { kind: event, recipient, source, why } = fact
      log.error(
        { event, recipient: cutText(recipient), source, why: cutText(why) },
        'a source has what is no policy for a recipient: the default one counts',
      )
      return
    }
    case 'aliasesWrong': {
      const { kind: event, recipient, why } = fact
      log.error(
        { event, recipient: cutText(recipient), why: cutText(why) },
        'aliases of a recipient lead to no mailbox: the address itself counts',
      )
      return
    }
    case 'policiesAsked':
    case 'policiesRecalled':
      return // counted alone
    case 'policiesLoaded': {
      const { kind: event, file, entries } = fact
      log.info({ event, file, entries }, 'recipient file loaded')
      return
    }
    case 'policiesKept': {
      const { kind: event, file, why } = fact
      log.warn(
        { event, file, why: cutText(why) },
        'recipient file is wrong: the old one stays in use',
      )
      return
    }
  }
}
