/**
 * From each recipient's outcome to what the client is told. Everything here is decided and
 * committed already (rule 1).
 */
import { type Reply, isPermanent, isPositive } from '../smtp/reply.ts'
import { refusedForSome, refusedSaying, replies } from '../smtp/replies.ts'
import { overruled, type OverrulingWord, type Reason } from './reason.ts'

/**
 * What became of one recipient of the transaction: 2yz only when the backend has taken the message
 * for them.
 */
export interface Outcome {
  readonly index: number
  readonly address: string
  /** As the client wrote it, for words to the client. */
  readonly mailbox: string
  readonly reply: Reply
  readonly reason: Reason
}

/** The client is told this, and the ledger has to keep that. */
export interface Answer {
  /** One reply for all, or the lines of a PRDR block in RCPT order with start and end. */
  readonly lines: readonly Reply[]
  /** Rule 2: their refusal waits until they are alone. */
  readonly refusalsKept: readonly Outcome[]
  /**
   * They have the message although the reply was no 250: their retry is acknowledged without a
   * second delivery (rule 6).
   */
  readonly deliveredUnsaid: readonly Outcome[]
  /** Answered for good. */
  readonly final: readonly Outcome[]
}

export interface Circumstances {
  /** Anyone got a 4yz at RCPT in this transaction, from us or from the backend. */
  readonly anyoneDeferred: boolean
  /** The message may be answered in parts: neither forgiven nor a client that is never split. */
  readonly mayComeAgain: boolean
  /**
   * A 452 was given in this session, or so many recipients that the client may hold back some
   * (senders: Exim).
   */
  readonly othersMayBeOpen: boolean
  readonly retryHintSeconds: number
}

/**
 * Rule 2: no 5yz after the text in a transaction in which any recipient was deferred. Exim after
 * 452 and Haraka after any 4yz bounce the deferred ones too (senders: Hazards).
 */
export const mayRefuseAfterText = (circumstances: Circumstances): boolean =>
  !circumstances.anyoneDeferred

/**
 * Rule 4: equal answers are one traditional reply, unless someone was deferred, or a single 5yz
 * could hit recipients not yet offered.
 */
export function maySayItOnce(outcomes: readonly Outcome[], circumstances: Circumstances): boolean {
  const [first] = outcomes
  if (first === undefined || outcomes.some((outcome) => isAnother(outcome, first))) return false
  if (isPositive(first.reply)) return true
  return !circumstances.anyoneDeferred && !circumstances.othersMayBeOpen
}

/**
 * Refusals of the backend may each name their own recipient, and are told in its words; so are
 * those for which recipients have words of their own.
 */
function isAnother(one: Outcome, other: Outcome): boolean {
  const [first, second] = [one.reply, other.reply]
  if (first.code !== second.code) return true
  if (isPositive(first) || saysTheSame(first, second)) return false
  const relayed = first.detail === undefined
  return relayed === (second.detail === undefined) && (relayed || !isUsual(one) || !isUsual(other))
}

/** In the words in which spam is usually refused. */
const isUsual = ({ reply, mailbox }: Outcome): boolean =>
  saysTheSame(reply, replies.rejected(mailbox))

/** The answer to a client that asked for PRDR (draft-hall-prdr-00 4.4, 4.5; rule 4). */
export function answerEach(outcomes: readonly Outcome[], circumstances: Circumstances): Answer {
  const lines = maySayItOnce(outcomes, circumstances)
    ? [oneFor(outcomes)]
    : [replies.blockStart, ...outcomes.map((outcome) => outcome.reply), replies.blockEnd]
  return { lines, refusalsKept: [], deliveredUnsaid: [], final: outcomes.filter(isFinal) }
}

/** The answer to a legacy client: one reply that is true for all who went through. */
export function answerTogether(outcomes: readonly Outcome[], circumstances: Circumstances): Answer {
  if (outcomes.every(isAccepted)) return finalAnswer(oneFor(outcomes), outcomes)
  const accepted = outcomes.filter(isAccepted)
  const refused = outcomes.filter((outcome) => isPermanent(outcome.reply))
  const known = accepted.length + refused.length
  const mixed = accepted.length > 0 && circumstances.mayComeAgain
  if (known < outcomes.length || mixed || !mayRefuseAfterText(circumstances)) {
    // Someone has to come again, so everyone has to; what is known stays known. Words about one of
    // them are not for the others.
    const reply =
      known === 0
        ? outcomes[0]?.reply
        : (wordsOfJudge(outcomes) ?? replies.refusalKept(circumstances.retryHintSeconds))
    const why = mayRefuseAfterText(circumstances) ? 'shared reply' : 'rule 2'
    return {
      lines: [reply ?? replies.backendLost],
      refusalsKept: because(why, refused),
      deliveredUnsaid: because('shared reply', accepted),
      final: [],
    }
  }
  const refusal = oneFor(refused)
  if (accepted.length === 0) return finalAnswer(refusal, outcomes)
  // The backend refused some of a message that can't be answered in parts: the sender must hear of
  // it (decision 9).
  const whom = refused.map(({ mailbox }) => mailbox)
  return finalAnswer(refusedForSome(refusal, whom), outcomes)
}

/**
 * Where nobody but a filter wants the sender to come again, it knows when: our own hint would have
 * the sender come too early, or for nothing.
 */
function wordsOfJudge(outcomes: readonly Outcome[]): Reply | undefined {
  const later = outcomes.filter((outcome) => !isFinal(outcome))
  return later.every(({ reason: { because: why } }) => why === 'forced by judge')
    ? later[0]?.reply
    : undefined
}

/** They are told what they are for this, and not for their own reason. */
export const because = (word: OverrulingWord, outcomes: readonly Outcome[]): readonly Outcome[] =>
  outcomes.map((outcome) => ({ ...outcome, reason: overruled(word, outcome.reason) }))

const isAccepted = ({ reply }: Outcome): boolean => isPositive(reply)

const isFinal = (outcome: Outcome): boolean =>
  isPositive(outcome.reply) || isPermanent(outcome.reply)

function finalAnswer(reply: Reply, outcomes: readonly Outcome[]): Answer {
  return { lines: [reply], refusalsKept: [], deliveredUnsaid: [], final: outcomes }
}

/**
 * One reply for several equal outcomes; a refusal of ours that names one recipient is put for all
 * of them.
 */
function oneFor(outcomes: readonly Outcome[]): Reply {
  const [first] = outcomes
  if (first === undefined) return replies.noValidRecipients
  if (outcomes.length === 1 || !isPermanent(first.reply)) return first.reply
  // In the same words, such as a judge's, for everyone.
  if (outcomes.every(({ reply }) => saysTheSame(reply, first.reply))) return first.reply
  const ours = outcomes.filter(({ reply }) => reply.detail !== undefined).length
  if (ours === 0) return first.reply
  // The words of one would be wrong for the other: spam, and a mailbox that is full.
  if (ours < outcomes.length) return replies.refusedByAll
  const unusual = outcomes.filter((outcome) => !isUsual(outcome))
  return unusual.length === 0
    ? replies.rejectedForAll
    : refusedSaying(unusual.map(({ reply }) => reply))
}

const saysTheSame = (one: Reply, other: Reply): boolean =>
  one === other ||
  (one.code === other.code &&
    one.detail === other.detail &&
    one.lines.join('\n') === other.lines.join('\n'))
