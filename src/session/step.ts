/** The machine: one event in, state and effects changed. Every command is seen here once. */
import { commandTable } from '../smtp/command-table.ts'
import { type Command, parseCommand } from '../smtp/command.ts'
import { noExtensions, offeredExtensions, offerOf } from '../smtp/ehlo.ts'
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
import { onMail } from './on-mail.ts'
import { onMailReplied } from './on-mail-replied.ts'
import { onRcpt, onRecipientKnown, onRecipientReplied } from './on-rcpt.ts'
import { settle } from './decide-batch.ts'
import { recordHeard } from './record-deliveries.ts'
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
  onMessageIdRead,
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
  setTime(session, event.at)
  session.journal?.write({ event })
  if (event.kind === 'heard') return recordHeard(session)
  if (session.state.at === 'closed') return
  switch (event.kind) {
    case 'connected':
      return greet(session, event.earlyTalker)
    case 'line':
    case 'lineTooLong':
    case 'strayByte':
      if (takesCommands(session)) onInput(session, event)
      return
    case 'batchEnded':
      return settle(session, true)
    case 'mailReplied':
      onMailReplied(session, event.reply)
      break
    case 'recipientReplied':
      onRecipientReplied(session, event.index, event.reply)
      break
    case 'recipientKnown':
      onRecipientKnown(session, event)
      break
    case 'chunkTaken':
      return onChunkTaken(session, event.bytes)
    case 'messageIdRead':
      return onMessageIdRead(session, event.messageId)
    case 'judgedEarly':
      return onJudgedEarly(session, event.findings)
    case 'textEnded':
      onTextEnded(session, event.text)
      break
    case 'answerTimedOut':
      onAnswerTimedOut(session, event)
      break
    case 'parcelDelivered':
      return onParcelDelivered(session, event)
    case 'delivered':
      onDelivered(session, event.results)
      break
    case 'deliveriesSettled':
      onDeliveriesSettled(session, event)
      break
    case 'vouched':
      onVouched(session, event.vouched)
      break
    case 'crowded':
      onCrowded(session, event.limit)
      break
    case 'bouncePrepared':
      onBouncePrepared(session, event.prepared)
      break
    case 'reported':
      onReported(session, event.reply)
      break
    case 'refusedTextEnded':
      return onRefusedTextEnded(session)
    case 'secured':
      return onSecured(session, event)
    case 'authReplied':
      onAuthReplied(session, event.reply)
      break
    case 'securingFailed':
      if (session.state.at === 'securing') close(session, 'tls')
      return
    case 'timedOut':
      return onTimedOut(session, event.slow === true)
    case 'shutdown':
      return onShutdown(session)
    case 'inputEnded':
      return mayBeGone(session, event.identity)
    case 'clientLost':
      if (outlivesClient(session, event.identity)) return
      return close(session, 'lost')
    case 'brokenOff':
      return close(session, 'shutdown')
  }
  resume(session)
}

/** What stands where a command is awaited. */
function onInput(
  session: Session,
  event: Extract<Event, { kind: 'line' | 'lineTooLong' | 'strayByte' }>,
): void {
  switch (event.kind) {
    case 'line':
      return onLine(session, event.text)
    case 'lineTooLong':
      if (session.state.at === 'authenticating') return onAuthLineTooLong(session)
      return fault(session, replies.lineTooLong)
    case 'strayByte':
      return end(session, replies.strayByte, 'stray byte')
  }
}

function setTime(session: { at: number }, at: number): void {
  session.at = at
}

/** Runs the held command once everything before it was answered. */
function resume(session: Session): void {
  const { held } = session
  if (held === undefined || !allAnswered(session.slots)) return
  delete session.held
  run(session, held)
}

function greet(session: Session, earlyTalker: boolean): void {
  if (session.state.at !== 'connected') return
  // Nothing can be said before the greeting (RFC 5321 3.1); who speaks first is no MTA.
  if (earlyTalker) return end(session, replies.earlyTalker, 'early talker')
  sayNow(session.slots, replies.greeting(session.options.hostname))
  session.state = { at: 'greeted' }
}

function onLine(session: Session, text: string): void {
  if (session.state.at === 'authenticating') return onAuthLine(session, text)
  const command = parseCommand(text)
  if (!commandTable[command.verb].waits || allAnswered(session.slots)) return run(session, command)
  // The decision about pipelined recipients needs to know that no more of them come.
  session.held = command
  settle(session, true)
  resume(session)
}

function run(session: Session, command: Command): void {
  if (beginsRefusedText(session, command)) return onRefusedText(session, command)
  const traits = commandTable[command.verb]
  if (traits.endsGroup && command.verb !== 'QUIT' && session.oracle.unread())
    return end(session, replies.pipelining, 'pipelining')
  switch (command.verb) {
    case 'EHLO':
    case 'HELO':
      return onHello(session, { verb: command.verb, domain: command.domain })
    case 'MAIL':
      // 421 that leaves the connection open stalls sendmail for two minutes (senders), so it
      // closes.
      if (
        session.transactions >= session.options.limits.transactionsPerSession &&
        session.state.at === 'ready'
      ) {
        noteLimit(session, 'transactions_per_session')
        return end(session, replies.tooManyTransactions, 'transactions')
      }
      return onMail(session, command)
    case 'RCPT':
      return onRcpt(session, command)
    case 'DATA':
      return onData(session)
    case 'BDAT':
      return onBdat(session, command)
    case 'RSET':
      abort(session)
      return sayNow(session.slots, replies.reset)
    case 'NOOP':
      return sayNow(session.slots, replies.ok)
    case 'HELP':
      return sayNow(session.slots, replies.help)
    case 'VRFY':
      return sayNow(session.slots, replies.vrfy)
    case 'QUIT':
      return end(session, replies.bye, 'quit')
    case 'STARTTLS':
      return onStartTls(session)
    case 'AUTH':
      return onAuth(session, command)
    case 'XCLIENT':
      return onXclient(session, command.argument)
    case 'EXPN':
    case 'unimplemented':
      return fault(session, replies.notImplemented)
    case 'dot':
    case 'unknown':
      return fault(session, replies.unknownCommand)
    case 'foreign':
      return end(session, replies.foreign, 'foreign')
    case 'malformed':
      // Nobody knows where the octets end that come now.
      if (command.name === 'BDAT') return end(session, replies.badChunk, 'bad BDAT')
      return fault(session, malformed(command))
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

function onHello(session: Session, hello: Hello): void {
  abort(session) // RFC 5321 4.1.4: EHLO ends a transaction
  const { options } = session
  session.helo = hello.domain
  session.state = { at: 'ready', hello }
  if (hello.verb === 'HELO') {
    session.offered = noExtensions
    return sayNow(session.slots, replies.helo(options.hostname))
  }
  const offered = offeredExtensions(options.own, session.oracle.backendExtensions(), {
    startTls: options.startTls && !session.secured,
    // Nobody knows how a client came to the proxy that speaks for it (XCLIENT).
    secured: session.secured && session.client.address === session.connectedFrom,
  })
  const mechanisms = mechanismsFor(session)
  const { extensions, lines } = offerOf(
    new Map([
      ...offered,
      ...(mechanisms === '' ? [] : [['AUTH', mechanisms] as const]),
      ...(mayIntroduce(session) ? [['XCLIENT', xclientAttributes] as const] : []),
    ]),
  )
  session.offered = extensions
  sayNow(session.slots, replies.ehlo(options.hostname, lines))
}

function onStartTls(session: Session): void {
  if (session.secured) return fault(session, replies.tlsActive)
  if (!session.options.startTls) return fault(session, replies.tlsNotOffered)
  abort(session)
  sayNow(session.slots, replies.tlsReady)
  session.state = { at: 'securing' }
  session.effects.push({ do: 'secure' })
}

/** RFC 3207 4.2: everything said before is forgotten. */
function onSecured(session: Session, event: Extract<Event, { kind: 'secured' }>): void {
  if (session.state.at !== 'securing') return
  session.secured = true
  session.tls = { protocol: event.protocol, cipher: event.cipher }
  session.offered = noExtensions
  forgetAuth(session)
  session.state = { at: 'greeted' }
  session.effects.push({
    do: 'note',
    fact: { ...event, kind: 'sessionSecured', session: session.id, peer: session.peerName },
  })
}

/** `slow`: octets come, but not enough of them. */
function onTimedOut(session: Session, slow: boolean): void {
  const { state } = session
  if (slow) noteLimit(session, 'text_minimum_rate')
  if (state.at === 'text' || state.at === 'refusedText' || (state.at === 'chunks' && state.taking))
    return end(session, slow ? replies.textTooSlow : replies.textTimeout, 'text timeout')
  end(session, replies.idle, 'idle')
}

/** Only between transactions, or where no text has begun: what is under way is finished first. */
function onShutdown(session: Session): void {
  const { state } = session
  if (state.at === 'greeted' || state.at === 'ready' || state.at === 'connected')
    end(session, replies.shuttingDown, 'shutdown')
}
