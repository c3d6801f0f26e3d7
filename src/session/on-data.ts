/**
 * DATA and BDAT: may a text come, and how. 354 is said as soon as one recipient went through; the
 * backend gets its DATA later.
 */
import type { Command } from '../smtp/command.ts'
import { isBinary } from '../smtp/parameters.ts'
import { replies } from '../smtp/replies.ts'
import { isTransient, type Reply } from '../smtp/reply.ts'
import { reason } from '../verdict/reason.ts'
import { concludeWithoutAnswer } from './conclude.ts'
import { fault } from './ending.ts'
import { judgedEnvelope } from './judged-envelope.ts'
import { nothingMade } from './made.ts'
import { observes } from './observe.ts'
import { expectRefusedText } from './refused-data.ts'
import { sayNow } from './reply-slots.ts'
import type { Session } from './session.ts'
import { anyoneDeferred, throughOf, type Transaction } from './transaction.ts'

export function onData(session: Session): void {
  const { state, slots } = session
  if (state.at === 'chunks') {
    expectRefusedText(session, false)
    return fault(session, replies.mixedDataBdat)
  }
  const refusal = refuseText(session)
  if (refusal !== undefined) {
    expectRefusedText(session, isForNow(session))
    if (state.at === 'envelope' && refusal === replies.noValidRecipients)
      endEnvelope(session, state.transaction)
    return refuse(session, refusal)
  }
  if (state.at !== 'envelope') return
  const { hello, transaction } = state
  if (isBinary(transaction.parameters)) {
    expectRefusedText(session, isForNow(session))
    return fault(session, replies.binaryByBdat)
  }
  sayNow(slots, replies.startText)
  session.state = { at: 'text', hello, transaction, upstream: { way: 'kept' } }
  session.effects.push({
    do: 'receiveText',
    fingerprint: needsFingerprint(transaction),
    // Who finds out behind the answer what would have been needs the whole text.
    streamable: !observes(session) && mayStream(transaction),
    judged: judgedEnvelope(session, transaction),
  })
}

/**
 * That nobody went through was said to each of them already; pipelined with them, DATA is no fault.
 */
function refuse(session: Session, refusal: Reply): void {
  if (refusal === replies.noValidRecipients) sayNow(session.slots, refusal)
  else fault(session, refusal)
}

/** Whether it is because of 4yz replies that there is nobody to take a text. */
function isForNow({ state, refusedMail }: Session): boolean {
  if (state.at === 'envelope') return anyoneDeferred(state.transaction)
  return refusedMail !== undefined && isTransient(refusedMail)
}

function refuseText(session: Session): Reply | undefined {
  const { state } = session
  switch (state.at) {
    case 'greeted':
      return replies.helloFirst
    case 'envelope':
      if (state.transaction.recipients.length === 0) return replies.needRecipient
      return throughOf(state.transaction).length === 0 ? replies.noValidRecipients : undefined
    default:
      return replies.needMail
  }
}

/** Nobody went through: the transaction is over, and the client may begin another one at once. */
function endEnvelope(session: Session, transaction: Transaction): void {
  if (!('hello' in session.state)) return
  session.state = { at: 'ready', hello: session.state.hello }
  session.effects.push({ do: 'abandon' })
  // 554 to DATA is no answer for anybody: nobody takes it as permanent (senders).
  transaction.lastReply = replies.noValidRecipients
  concludeWithoutAnswer(session, transaction, {
    reply: replies.noValidRecipients,
    why: reason('ended early'),
    trouble: false,
    made: nothingMade,
  })
}

/** RFC 3030. A chunk that can't be taken is still read to its end. */
export function onBdat(session: Session, command: Extract<Command, { verb: 'BDAT' }>): void {
  const { state } = session
  const bytes = command.size
  const { last } = command
  if (!session.offered.has('CHUNKING') || (state.at !== 'envelope' && state.at !== 'chunks')) {
    const reply = session.offered.has('CHUNKING') ? replies.needMail : replies.notImplemented
    return discard(session, bytes, reply)
  }
  const { hello, transaction } = state
  const first = state.at === 'envelope'
  if (first) {
    const refusal = refuseText(session)
    if (refusal !== undefined) return discard(session, bytes, refusal)
  }
  const upstream = first ? ({ way: 'kept' } as const) : state.upstream
  session.state = { at: 'chunks', hello, transaction, taking: true, upstream }
  session.effects.push({
    do: 'receiveChunk',
    bytes,
    last,
    first,
    discard: false,
    binary: isBinary(transaction.parameters),
    fingerprint: needsFingerprint(transaction),
    ...(first ? { judged: judgedEnvelope(session, transaction) } : {}),
  })
}

function discard(session: Session, bytes: number, refusal: Reply): void {
  const nothing = {
    last: false,
    first: false,
    discard: true,
    binary: false,
    fingerprint: false,
  }
  session.effects.push({ do: 'receiveChunk', bytes, ...nothing })
  refuse(session, refusal)
}

export function onChunkTaken(session: Session, bytes: number): void {
  const { state } = session
  if (state.at !== 'chunks' || !state.taking) return
  session.state = { ...state, taking: false }
  sayNow(session.slots, replies.chunkOk(bytes))
}

/**
 * The message's identity is needed at the end of its text where the ledger knows of it, or may have
 * to. Else it is found out if something has to be kept (record-split.ts): for most messages to
 * several recipients nothing has to.
 */
const needsFingerprint = (transaction: Transaction): boolean =>
  transaction.recalled.size > 0 || transaction.split !== undefined || anyoneDeferred(transaction)

/** Answers to some may have to be kept apart from those to others. */
function mayBeDivided(transaction: Transaction): boolean {
  const through = throughOf(transaction)
  return !transaction.prdr && through.some((recipient) => recipient.group !== through[0]?.group)
}

/**
 * Nothing about the identity can change who gets what, so a large text may go on to the backend
 * before it is complete.
 */
function mayStream(transaction: Transaction): boolean {
  return (
    !needsFingerprint(transaction) &&
    !mayBeDivided(transaction) &&
    throughOf(transaction).every(
      ({ concealed, policy }) => concealed === undefined && policy?.maxSizeBytes === undefined,
    )
  )
}
