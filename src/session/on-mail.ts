/**
 * MAIL: the reverse-path and its parameters. The backend hears of it with the first recipient, and
 * what it says against the sender is then their answer; or at once, and its answer is the answer.
 */
import type { Command } from '../smtp/command.ts'
import {
  checkMailParameters,
  encodeParameters,
  type ParameterFault,
  type Parameters,
} from '../smtp/parameters.ts'
import type { Arrival } from '../split/split-return.ts'
import { ledgerKey } from '../smtp/path.ts'
import { isPermanent, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { believedParameters } from './auth.ts'
import { fault, rememberRefusedMail } from './ending.ts'
import { noteLimit, takes } from './limit.ts'
import { observes, passedOnAs } from './observe.ts'
import { openSlot, sayNow } from './reply-slots.ts'
import type { ServedAs } from './oracle.ts'
import type { Session } from './session.ts'
import { splittingOf, type Transaction } from './transaction.ts'
import { known } from '../known.ts'

export function onMail(session: Session, command: Extract<Command, { verb: 'MAIL' }>): void {
  const refusal = refuseMail(session, command)
  delete session.refusedMail
  if (refusal !== undefined) {
    rememberRefusedMail(session, refusal)
    if (isPermanent(refusal)) fault(session, refusal)
    else sayNow(session.slots, refusal)
    return
  }
  if (session.state.at !== 'ready') return
  const { path } = command
  const parameters = believedParameters(session, command.parameters)
  const { address, rdns } = session.client
  const peer = { address, helo: session.helo, senderDomain: path.domain }
  const served = session.oracle.serve(rdns === undefined ? peer : { ...peer, rdns })
  session.transactions++
  const withRcpt = session.options.showMail === 'with_rcpt'
  const transaction: Transaction = {
    id: `${session.id}.${session.transactions}`,
    startedAt: session.at,
    reversePath: path,
    parameters,
    sender: ledgerKey(path),
    prdr: parameters.has('PRDR'),
    peer: observes(session) ? passedOnAs(served.peer) : served.peer,
    trusted: served.trusted || session.authenticated,
    mailSlot: withRcpt ? undefined : openSlot(session.slots),
    recipients: [],
    going: { kind: 'nobody' },
    batchEnd: 0,
    through: new Set(),
    passed: { asked: 0, open: 0 },
    beyondLimit: 0,
    recalled: new Map(),
    contested: new Set(),
    candidates: new Map(),
    arrival: arrivalOf(served, parameters, session.at),
    presumed: false,
    taken: 'for nothing',
    senderAuth: 'no text',
    intended: [],
  }
  if (transaction.trusted) transaction.unsplit = 'trusted'
  session.state = { at: 'envelope', hello: session.state.hello, transaction }
  const each = transaction.prdr || splittingOf(transaction) !== undefined
  const opener = { reversePath: transaction.sender, client: served.sender }
  const { id } = transaction
  session.effects.push({ do: 'begin', id, mail: mailArgument(transaction), each, withRcpt, opener })
  if (withRcpt) sayNow(session.slots, replies.senderOk)
}

function arrivalOf({ sender, comesBack }: ServedAs, parameters: Parameters, at: number): Arrival {
  const declared = parameters.size === 0 ? { sender } : declaredIn(parameters, sender)
  return comesBack === undefined ? { declared, at } : { declared, at, comesBack }
}

function declaredIn(parameters: Parameters, sender: string): Arrival['declared'] {
  const [size, envid] = [parameters.get('SIZE'), parameters.get('ENVID')]
  return {
    sender,
    ...(size === undefined ? {} : { size: Number(size) }),
    ...known({ envid }),
  }
}

/** What stands behind `MAIL FROM:` for the backend. */
export const mailArgument = (transaction: Transaction): string =>
  `<${transaction.reversePath.mailbox}>${encodeParameters(transaction.parameters)}`

export function parameterRefusal(fault: ParameterFault): Reply {
  return fault.fault === 'unknown'
    ? replies.unknownParameter(fault.name)
    : replies.badParameter(fault.name)
}

function refuseMail(
  session: Session,
  command: Extract<Command, { verb: 'MAIL' }>,
): Reply | undefined {
  const { options, state } = session
  if (state.at === 'greeted') return replies.helloFirst
  if (state.at !== 'ready') return replies.nestedMail
  const fault = checkMailParameters(command.parameters, session.offered)
  if (fault !== undefined) return parameterRefusal(fault)
  if (command.path.international && !command.parameters.has('SMTPUTF8'))
    return replies.needsSmtpUtf8
  const size = Number(command.parameters.get('SIZE') ?? 0)
  const limit = Number(session.offered.get('SIZE') ?? options.own.messageSizeBytes)
  if (size > limit) {
    noteLimit(session, 'message_size')
    return replies.messageTooLarge(limit)
  }
  return putOff(session, size)
}

/** There is room for it, and the client has not sent too much lately; else it may come again. */
function putOff(session: Session, size: number): Reply | undefined {
  if (!session.oracle.roomFor(size)) {
    noteLimit(session, 'total_disk')
    return replies.noRoom
  }
  return takes(session, 'messages') ? undefined : replies.tooManyMessages
}
