/**
 * RCPT: one recipient, and what the backend, the policies and the ledger say of them. The backend
 * sees each recipient as it comes.
 */
import type { Command } from '../smtp/command.ts'
import { checkRcptParameters, encodeParameters } from '../smtp/parameters.ts'
import { ledgerKey } from '../smtp/path.ts'
import { isPermanent, isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { isRouted } from '../smtp/routed.ts'
import type { Split } from '../split/split.ts'
import type { PolicyAnswer } from '../policy/policy-source.ts'
import { mayRelay } from '../strategy/relay-domains.ts'
import { groupOf, type Policy } from '../verdict/policy.ts'
import { limitReason, reason } from '../verdict/reason.ts'
import type { Event } from './effects.ts'
import { endsByFault, fault } from './ending.ts'
import { noteLimit, takes } from './limit.ts'
import { parameterRefusal } from './on-mail.ts'
import { observes } from './observe.ts'
import { forClient } from './relay.ts'
import { openSlot, sayNow } from './reply-slots.ts'
import { type Session, transactionOf } from './session.ts'
import type { Recipient, Transaction } from './transaction.ts'
import { type Refusal, finish, byBackend } from './answer-rcpt.ts'
import { mayHaveIt } from './guess-return.ts'
import { refusalAtRcpt } from './own-words.ts'
import { settle } from './decide-batch.ts'

export function onRcpt(session: Session, command: Extract<Command, { verb: 'RCPT' }>): void {
  const { state, slots } = session
  if (state.at === 'greeted') return fault(session, replies.helloFirst)
  if (state.at !== 'envelope')
    return fault(session, state.at === 'chunks' ? replies.nestedMail : replies.needMail)
  const { transaction } = state
  if (transaction.recipients.length >= session.options.limits.recipients) {
    // Not remembered one by one: there is no limit to how many a client may name.
    transaction.beyondLimit++
    if (transaction.beyondLimit === 1) noteLimit(session, 'recipients')
    session.said452 = true
    return sayNow(slots, replies.tooManyRecipients)
  }
  const wrong = whatIsWrong(session, transaction, command)
  if (wrong !== undefined && endsByFault(session)) return
  const recipient = newRecipient(session, transaction, command)
  const refusal =
    wrong === undefined
      ? (refuseRelay(session, command) ?? putOff(session))
      : { reply: wrong, why: reason('bad address') }
  transaction.recipients.push(recipient)
  if (refusal !== undefined) return finish(session, recipient, refusal)
  const argument = `<${command.path.mailbox}>${encodeParameters(command.parameters)}`
  const { index, address: key } = recipient
  session.effects.push({
    do: 'offer',
    index,
    argument,
    address: command.path.address,
    key,
    sender: transaction.sender,
  })
}

function newRecipient(
  session: Session,
  transaction: Transaction,
  command: Extract<Command, { verb: 'RCPT' }>,
): Recipient {
  return {
    index: transaction.recipients.length,
    path: command.path,
    parameters: command.parameters,
    address: ledgerKey(command.path),
    slot: openSlot(session.slots),
    fate: 'asked',
    reason: reason('ended early'),
    group: '',
    known: false,
    final: false,
    duplicate: false,
  }
}

/** In the command itself, whoever the recipient is: that is the client's fault. */
function whatIsWrong(
  session: Session,
  transaction: Transaction,
  command: Extract<Command, { verb: 'RCPT' }>,
): Reply | undefined {
  const wrong = checkRcptParameters(command.parameters, session.offered)
  if (wrong !== undefined) return parameterRefusal(wrong)
  if (command.path.international && !transaction.parameters.has('SMTPUTF8'))
    return replies.needsSmtpUtf8
  return undefined
}

/** Rule 8. Who has authenticated is known to the backend, which decides where they may send. */
function refuseRelay(
  { options, authenticated }: Session,
  { path }: Extract<Command, { verb: 'RCPT' }>,
): Refusal | undefined {
  if (authenticated) return undefined
  if (!mayRelay(path.domain, options.relayDomains))
    return { reply: replies.relayDenied(path.domain), why: reason('relay denied') }
  return options.refuseRoutes === true && isRouted(path.mailbox)
    ? { reply: replies.routeDenied, why: reason('route denied') }
    : undefined
}

/** Rule 2 holds behind this as behind any other 4yz at RCPT: the recipient is postponed. */
function putOff(session: Session): Refusal | undefined {
  return takes(session, 'recipients')
    ? undefined
    : { reply: replies.tooManyRecipientsLately, why: limitReason('recipients_per_minute') }
}

export function onRecipientReplied(session: Session, index: number, reply: Reply): void {
  const transaction = transactionOf(session)
  const recipient = transaction?.recipients[index]
  if (transaction === undefined || recipient?.fate !== 'asked') return
  recipient.shown = transaction.mailRefused ?? reply
  consider(session, recipient)
}

export function onRecipientKnown(
  session: Session,
  event: Extract<Event, { kind: 'recipientKnown' }>,
): void {
  const transaction = transactionOf(session)
  const recipient = transaction?.recipients[event.index]
  if (transaction === undefined || recipient?.fate !== 'asked') return
  for (const split of event.splits) keepRecalled(transaction, split)
  recipient.known = true
  const policy = event.policy && policyOf(event.policy)
  if (event.policy?.kind === 'failed')
    notePolicyFailure(session, transaction, recipient, event.policy)
  if (policy !== undefined) {
    recipient.policy = policy
    const { address } = recipient
    recipient.group = groupOf(policy, { address, sender: transaction.reversePath.address })
  }
  consider(session, recipient)
}

const policyOf = (answer: PolicyAnswer): Policy | undefined =>
  answer.kind === 'found' ? answer.policy : answer.instead

/**
 * As it was first seen: what this transaction makes of it is put on top of what others have written
 * since (ledger/reconcile.ts). That they have written at all says that somebody else is at it. An
 * older one was read before this transaction has written.
 */
function keepRecalled({ recalled, contested }: Transaction, split: Split): void {
  const known = recalled.get(split.id)
  if (known === undefined) recalled.set(split.id, split)
  else if (split.version > known.version) contested.add(split.id)
}

function notePolicyFailure(
  session: Session,
  transaction: Transaction,
  recipient: Recipient,
  { source, why }: { readonly source: string; readonly why: string },
): void {
  session.effects.push({
    do: 'note',
    fact: {
      kind: 'policyFailed',
      at: session.at,
      transaction: transaction.id,
      recipient: recipient.address,
      source,
      why,
    },
  })
}

/** Once the backend, the policy and the ledger have all spoken. */
function consider(session: Session, recipient: Recipient): void {
  const transaction = transactionOf(session)
  const { shown } = recipient
  if (transaction === undefined || shown === undefined || !recipient.known) return
  if (!isPositive(shown)) {
    const said = forClient(shown, replies.backendNonsense)
    if (!concealsFrom(session, transaction, shown) && !mayHaveIt(session, recipient)) {
      const refused = transaction.mailRefused !== undefined
      finish(
        session,
        recipient,
        refused ? { reply: said, why: reason('mail refused') } : byBackend(said),
      )
      return settle(session, false)
    }
    // A group of its own, answered only after the text: so that RCPT tells a scanner nothing, or
    // because they may have the message.
    recipient.concealed = said
    recipient.group = 'unknown'
  } else if (recipient.policy === undefined && !observes(session)) {
    finish(session, recipient, { reply: replies.policyUnavailable, why: reason('policy failed') })
    return settle(session, false)
  }
  const refusal = refusalAtRcpt(transaction, recipient)
  if (refusal !== undefined && recipient.concealed === undefined) {
    if (!mayHaveIt(session, recipient)) {
      finish(session, recipient, refusal)
      return settle(session, false)
    }
    recipient.concealed = refusal.reply
    recipient.group = 'unknown'
  }
  recipient.fate = 'considered'
  settle(session, false)
}

/** What is said against the sender tells nothing of the recipient. */
const concealsFrom = (session: Session, { mailRefused }: Transaction, shown: Reply): boolean =>
  session.options.unknownRecipients === 'conceal' &&
  isPermanent(shown) &&
  mailRefused === undefined &&
  !observes(session)
