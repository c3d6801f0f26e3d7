/** The machine: one event in, state and effects changed. Every command is seen here once. */
import { commandTable } from '../smtp/command-table.ts'
import { type Command, parseCommand } from '../smtp/command.ts'
import { encodeExtensions, offeredExtensions } from '../smtp/ehlo.ts'
import { type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import type { Event } from './effects.ts'
import {
  forgetAuth,
  mechanismsFor,
  onAuth,
  onAuthLine,
  onAuthLineTooLong,
  onAuthReplied,
} from './auth.ts'
import { abort, close, end, fault } from './ending.ts'
import { onCrowded } from './crowded.ts'
import { onBdat, onChunkTaken, onData } from './on-data.ts'
import { onMail, onMailReplied } from './on-mail.ts'
import { onRcpt, onRecipientKnown, onRecipientReplied } from './on-rcpt.ts'
import { settle } from './decide-batch.ts'
import { noteHeard } from './record-deliveries.ts'
import {
  mayBeGone,
  onDelivered,
  onParcelDelivered,
  onReported,
  outlivesClient,
} from './on-delivered.ts'
import {
  onAnswerTimedOut,
  onBouncePrepared,
  onDeliveriesSettled,
  onJudgedEarly,
  onTextEnded,
  onVouched,
} from './on-text.ts'
import { mayIntroduce, onXclient, xclientAttributes } from './on-xclient.ts'
import { beginsRefusedText, onRefusedText, onRefusedTextEnded } from './refused-data.ts'
import { noteLimit } from './limit.ts'
import { allAnswered, sayNow } from './reply-slots.ts'
import { type Hello, type Session, takesCommands } from './session.ts'

/** What comes where nobody expects it changes nothing. */
export function step(session: Session, event: Event): void {
  session.journal?.write({ event })
  if (event.kind === 'heard') return noteHeard(session, event.at)
  if (session.state.at === 'closed') return
  switch (event.kind) {
    case 'connected':
      return greet(session, event.earlyTalker, event.at)
    case 'line':
    case 'lineTooLong':
    case 'strayByte':
      if (takesCommands(session)) onInput(session, event)
      return
    case 'batchEnded':
      return settle(session, event.at, true)
    case 'mailReplied':
      onMailReplied(session, event.reply, event.at)
      break
    case 'recipientReplied':
      onRecipientReplied(session, event.index, event.reply, event.at)
      break
    case 'recipientKnown':
      onRecipientKnown(session, event)
      break
    case 'chunkTaken':
      return onChunkTaken(session, event.bytes)
    case 'judgedEarly':
      return onJudgedEarly(session, event.findings, event.at)
    case 'textEnded':
      onTextEnded(session, event.text, event.at)
      break
    case 'answerTimedOut':
      onAnswerTimedOut(session, event)
      break
    case 'parcelDelivered':
      return onParcelDelivered(session, event)
    case 'delivered':
      onDelivered(session, event.results, event.at)
      break
    case 'deliveriesSettled':
      onDeliveriesSettled(session, event)
      break
    case 'vouched':
      onVouched(session, event.vouched, event.at)
      break
    case 'crowded':
      onCrowded(session, event.limit)
      break
    case 'bouncePrepared':
      onBouncePrepared(session, event.prepared, event.at)
      break
    case 'reported':
      onReported(session, event.reply, event.at)
      break
    case 'refusedTextEnded':
      return onRefusedTextEnded(session, event.at)
    case 'secured':
      return onSecured(session, event)
    case 'authReplied':
      onAuthReplied(session, event.reply, event.at)
      break
    case 'securingFailed':
      if (session.state.at === 'securing') close(session, 'tls', event.at)
      return
    case 'timedOut':
      return onTimedOut(session, event.at, event.slow === true)
    case 'shutdown':
      return onShutdown(session, event.at)
    case 'inputEnded':
      return mayBeGone(session, event.identity, event.at)
    case 'clientLost':
      if (outlivesClient(session, event.identity, event.at)) return
      return close(session, 'lost', event.at)
  }
  resume(session, event.at)
}

/** What stands where a command is awaited. */
function onInput(
  session: Session,
  event: Extract<Event, { kind: 'line' | 'lineTooLong' | 'strayByte' }>,
): void {
  switch (event.kind) {
    case 'line':
      return onLine(session, event.text, event.at)
    case 'lineTooLong':
      if (session.state.at === 'authenticating') return onAuthLineTooLong(session, event.at)
      return fault(session, replies.lineTooLong, event.at)
    case 'strayByte':
      return end(session, replies.strayByte, 'stray byte', event.at)
  }
}

/** Runs the held command once everything before it was answered. */
function resume(session: Session, at: number): void {
  const { held } = session
  if (held === undefined || !allAnswered(session.slots)) return
  delete session.held
  run(session, held, at)
}

function greet(session: Session, earlyTalker: boolean, at: number): void {
  if (session.state.at !== 'connected') return
  // Nothing can be said before the greeting (RFC 5321 3.1); who speaks first is no MTA.
  if (earlyTalker) return end(session, replies.earlyTalker, 'early talker', at)
  sayNow(session.slots, replies.greeting(session.options.hostname))
  session.state = { at: 'greeted' }
}

function onLine(session: Session, text: string, at: number): void {
  if (session.state.at === 'authenticating') return onAuthLine(session, text)
  const command = parseCommand(text)
  if (!commandTable[command.verb].waits || allAnswered(session.slots))
    return run(session, command, at)
  // The decision about pipelined recipients needs to know that no more of them come.
  session.held = command
  settle(session, at, true)
  resume(session, at)
}

function run(session: Session, command: Command, at: number): void {
  if (beginsRefusedText(session, command)) return onRefusedText(session, command, at)
  const traits = commandTable[command.verb]
  if (traits.endsGroup && command.verb !== 'QUIT' && session.oracle.unread())
    return end(session, replies.pipelining, 'pipelining', at)
  switch (command.verb) {
    case 'EHLO':
    case 'HELO':
      return onHello(session, { verb: command.verb, domain: command.domain }, at)
    case 'MAIL':
      // 421 that leaves the connection open stalls sendmail for two minutes (senders), so it
      // closes.
      if (
        session.transactions >= session.options.limits.transactionsPerSession &&
        session.state.at === 'ready'
      ) {
        noteLimit(session, 'transactions_per_session', at)
        return end(session, replies.tooManyTransactions, 'transactions', at)
      }
      return onMail(session, command, at)
    case 'RCPT':
      return onRcpt(session, command, at)
    case 'DATA':
      return onData(session, at)
    case 'BDAT':
      return onBdat(session, command, at)
    case 'RSET':
      abort(session, at)
      return sayNow(session.slots, replies.reset)
    case 'NOOP':
      return sayNow(session.slots, replies.ok)
    case 'HELP':
      return sayNow(session.slots, replies.help)
    case 'VRFY':
      return sayNow(session.slots, replies.vrfy)
    case 'QUIT':
      return end(session, replies.bye, 'quit', at)
    case 'STARTTLS':
      return onStartTls(session, at)
    case 'AUTH':
      return onAuth(session, command, at)
    case 'XCLIENT':
      return onXclient(session, command.argument, at)
    case 'EXPN':
    case 'unimplemented':
      return fault(session, replies.notImplemented, at)
    case 'dot':
    case 'unknown':
      return fault(session, replies.unknownCommand, at)
    case 'foreign':
      return end(session, replies.foreign, 'foreign', at)
    case 'malformed':
      // Nobody knows where the octets end that come now.
      if (command.name === 'BDAT') return end(session, replies.badChunk, 'bad BDAT', at)
      return fault(session, malformed(command), at)
  }
}

function malformed(command: Extract<Command, { verb: 'malformed' }>): Reply {
  switch (command.problem) {
    case 'path':
      return replies.badPath(command.name)
    case 'parameters':
      return replies.badParameters(command.name)
    case 'argument':
      return replies.badArgument(command.name)
    case 'domain':
      return replies.badDomain
  }
}

function onHello(session: Session, hello: Hello, at: number): void {
  abort(session, at) // RFC 5321 4.1.4: EHLO ends a transaction
  const { options } = session
  session.helo = hello.domain
  session.state = { at: 'ready', hello }
  if (hello.verb === 'HELO') {
    session.offered = new Map()
    return sayNow(session.slots, replies.helo(options.hostname))
  }
  const offered = offeredExtensions(options.own, session.oracle.backendExtensions(), {
    startTls: options.startTls && !session.secured,
    // Nobody knows how a client came to the proxy that speaks for it (XCLIENT).
    secured: session.secured && session.client.address === session.connectedFrom,
  })
  const mechanisms = mechanismsFor(session)
  session.offered = new Map([
    ...offered,
    ...(mechanisms === '' ? [] : [['AUTH', mechanisms] as const]),
    ...(mayIntroduce(session) ? [['XCLIENT', xclientAttributes] as const] : []),
  ])
  sayNow(session.slots, replies.ehlo(options.hostname, encodeExtensions(session.offered)))
}

function onStartTls(session: Session, at: number): void {
  if (session.secured) return fault(session, replies.tlsActive, at)
  if (!session.options.startTls) return fault(session, replies.tlsNotOffered, at)
  abort(session, at)
  sayNow(session.slots, replies.tlsReady)
  session.state = { at: 'securing' }
  session.effects.push({ do: 'secure' })
}

/** RFC 3207 4.2: everything said before is forgotten. */
function onSecured(session: Session, event: Extract<Event, { kind: 'secured' }>): void {
  if (session.state.at !== 'securing') return
  session.secured = true
  session.tls = { protocol: event.protocol, cipher: event.cipher }
  session.offered = new Map()
  forgetAuth(session)
  session.state = { at: 'greeted' }
  session.effects.push({
    do: 'note',
    fact: { ...event, kind: 'sessionSecured', session: session.id, peer: session.peerName },
  })
}

/** `slow`: octets come, but not enough of them. */
function onTimedOut(session: Session, at: number, slow: boolean): void {
  const { state } = session
  if (slow) noteLimit(session, 'text_minimum_rate', at)
  if (state.at === 'text' || state.at === 'refusedText' || (state.at === 'chunks' && state.taking))
    return end(session, slow ? replies.textTooSlow : replies.textTimeout, 'text timeout', at)
  end(session, replies.idle, 'idle', at)
}

/** Only between transactions, or where no text has begun: what is under way is finished first. */
function onShutdown(session: Session, at: number): void {
  const { state } = session
  if (state.at === 'greeted' || state.at === 'ready' || state.at === 'connected')
    end(session, replies.shuttingDown, 'shutdown', at)
}
