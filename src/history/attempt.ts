/**
 * What the history keeps of one transaction, which is one attempt to send a message: who sent what
 * to whom, what each recipient was told, and why. Texts that others have written are bounded; of a
 * message's text nothing is kept but its Message-ID.
 */
import type { JudgedFact, RecipientFact, TransactionFact } from '../facts/transaction.ts'

export type KeptRecipient = RecipientFact

export type Attempt = Pick<
  TransactionFact,
  | 'at'
  | 'ms'
  | 'transaction'
  | 'peer'
  | 'reversePath'
  | 'mode'
  | 'outcome'
  | 'strategy'
  | 'unsplit'
  | 'sizeBytes'
  | 'messageId'
  | 'score'
  | 'reply'
  | 'split'
> & {
  readonly client: Pick<TransactionFact['client'], 'address' | 'helo' | 'rdns' | 'tls'>
  readonly recipients: readonly KeptRecipient[]
  readonly judges: readonly JudgedFact[]
}

/** How a split ended, or that its recipients are missing. */
export interface Closing {
  readonly at: number
  readonly split: string
  readonly outcome: 'completed' | 'forgiven' | 'abandoned' | 'missing'
  /** Whom it left behind. */
  readonly recipients: readonly string[]
}

/** Characters of a text that somebody else has written. */
const mostCharacters = 300
/** Of a judge's symbols. */
const mostSymbols = 30

const cut = (text: string): string =>
  text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters - 1)}…`

/** Without what tells the log and the metrics alone. */
export function attemptOf(fact: TransactionFact): Attempt {
  const { client, reply, judges = [], recipients } = fact
  return {
    at: fact.at,
    ms: Math.round(fact.ms),
    transaction: fact.transaction,
    peer: fact.peer,
    client: {
      address: client.address,
      helo: cut(client.helo),
      tls: client.tls,
      ...(client.rdns !== undefined && { rdns: client.rdns }),
    },
    reversePath: cut(fact.reversePath),
    recipients: recipients.map(recipientOf),
    mode: fact.mode,
    outcome: fact.outcome,
    strategy: fact.strategy,
    sizeBytes: fact.sizeBytes,
    judges: judges.map(judgedOf),
    ...(fact.unsplit !== undefined && { unsplit: fact.unsplit }),
    ...(fact.messageId !== undefined && { messageId: cut(fact.messageId) }),
    ...(fact.score !== undefined && { score: fact.score }),
    ...(reply !== undefined && { reply: cut(reply) }),
    ...(fact.split !== undefined && { split: fact.split }),
  }
}

const isLong = (text: string | undefined): boolean =>
  text !== undefined && text.length > mostCharacters

/** The fact's own object, but for the few that have something to cut. */
function recipientOf(fact: RecipientFact): KeptRecipient {
  const { reply, address } = fact
  if (!isLong(reply) && !isLong(address)) return fact
  return { ...fact, address: cut(address), ...(reply !== undefined && { reply: cut(reply) }) }
}

function judgedOf(fact: JudgedFact): JudgedFact {
  const { symbols, why } = fact
  if (symbols === undefined && !isLong(why)) return fact
  return {
    ...fact,
    ...(symbols !== undefined && { symbols: symbols.slice(0, mostSymbols).map(cut) }),
    ...(why !== undefined && { why: cut(why) }),
  }
}
