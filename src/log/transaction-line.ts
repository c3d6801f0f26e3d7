/** The line that tells a transaction's whole story: who sent what to whom, in which groups, with which answers, when. */
import type { RecipientFact, TransactionFact } from '../facts.ts'
import { cutList, cutText } from './cut.ts'

const cutOptional = (text: string | undefined): string | undefined => (text === undefined ? undefined : cutText(text))

/** Fields in the order of the dialogue; those without a value are left out of the line. */
export function transactionFields(fact: TransactionFact): Record<string, unknown> {
  const recipients = cutList(fact.recipients, recipientFields)
  return {
    event: fact.kind,
    session: fact.session,
    peer: fact.peer,
    client: { ...fact.client, helo: cutText(fact.client.helo) },
    from: cutText(fact.reversePath),
    recipients: recipients.shown,
    recipientCount: fact.recipients.length,
    ...(recipients.leftOut.leftOut !== undefined && { recipientsLeftOut: recipients.leftOut.leftOut }),
    groups: countGroups(fact.recipients),
    mode: fact.mode,
    strategy: fact.strategy,
    outcome: fact.outcome,
    unsplit: fact.unsplit,
    split: fact.split,
    size: fact.sizeBytes,
    messageId: cutOptional(fact.messageId),
    score: fact.score,
    symbols: fact.symbols === undefined ? undefined : cutList(fact.symbols, cutText).shown,
    deliveries: cutList(fact.deliveries, (delivery) => ({ ...delivery, reply: cutText(delivery.reply) })).shown,
    reply: cutOptional(fact.reply),
    textMs: fact.textMs,
    judgedMs: fact.judgedMs,
    ms: fact.ms,
  }
}

function recipientFields({ address, final, reply, ...rest }: RecipientFact): Record<string, unknown> {
  return { to: cutText(address), ...rest, final, reply: cutOptional(reply) }
}

const countGroups = (recipients: readonly RecipientFact[]): number =>
  new Set(recipients.flatMap(({ group }) => group ?? [])).size

/** In words: `accepted: 3 recipients, 2 answered, 1 deferred to split`. */
export function describeTransaction(fact: TransactionFact): string {
  const counts = [
    `${fact.recipients.length} ${fact.recipients.length === 1 ? 'recipient' : 'recipients'}`,
    ...counted(fact.recipients, ({ final }) => final, 'answered for good'),
    ...counted(fact.recipients, ({ fate }) => fate === 'deferred', 'deferred to split'),
    ...counted(fact.recipients, ({ duplicate }) => duplicate === true, 'had it already'),
  ]
  const why = fact.unsplit === undefined ? '' : `, not split: ${fact.unsplit}`
  return `${fact.outcome}: ${counts.join(', ')}${why}`
}

function counted(
  recipients: readonly RecipientFact[],
  belongs: (recipient: RecipientFact) => boolean,
  words: string,
): readonly string[] {
  const count = recipients.filter(belongs).length
  return count === 0 ? [] : [`${count} ${words}`]
}
