/** The log lines of splits that have ended, and of recipients whom nobody offers again. */
import type { Fact } from '../facts/fact.ts'
import { cutList, cutText } from './cut.ts'
import type { Log } from './log.ts'
import type { About } from './message-ids.ts'

/**
 * A message that nobody has is no loss that nobody knows of: its sender knows that it has failed.
 */
export function onMissing(log: Log, fact: Fact & { readonly kind: 'recipientsMissing' }): void {
  const { kind: event, transaction, split, peer, strategy, recipients } = fact
  const { client, vouched, othersAnswered } = fact
  const { shown, leftOut } = cutList(recipients, ({ address, state }) => ({
    to: cutText(address),
    state,
  }))
  const lastAttempt = new Date(fact.lastAttemptAt).toISOString()
  const messageId = fact.messageId === undefined ? undefined : cutText(fact.messageId)
  const message = { from: cutText(fact.reversePath), messageId }
  const fields = {
    event,
    transaction,
    split,
    peer,
    strategy,
    client,
    vouched,
    ...message,
    recipients: shown,
    ...leftOut,
    lastAttempt,
  }
  if (othersAnswered)
    log.warn(
      fields,
      `${recipients.length} deferred recipients were not offered again: their mail may be lost`,
    )
  else
    log.info(
      fields,
      'a message was deferred and not offered again to anyone: its sender has given it up',
    )
}

export function onSplitClosed(
  log: Log,
  fact: Fact & { readonly kind: 'splitClosed' },
  { transaction, messageId: ofText }: About,
): void {
  const { kind: event, split, peer, strategy, outcome, durationMs } = fact
  const messageId = fact.messageId === undefined ? ofText : cutText(fact.messageId)
  const fields = { event, transaction, messageId, split, peer, strategy, outcome, ms: durationMs }
  if (outcome === 'completed') log.info(fields, 'split completed')
  else if (outcome === 'forgiven')
    log.warn(fields, 'split forgiven: the message was let through unsplit')
  else {
    const { shown, leftOut } = cutList(fact.abandonedRecipients, cutText)
    log.warn(
      { ...fields, recipients: shown, ...leftOut },
      `split abandoned: ${fact.abandonedRecipients.length} recipients never came back`,
    )
  }
}
