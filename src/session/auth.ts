/**
 * AUTH (RFC 4954), passed through: the backend knows the passwords, asks and decides; the session
 * carries lines to and fro. What follows goes over the connection that was authenticated, which is
 * this client's alone, and is never split (rule 7).
 */
import type { Command } from '../smtp/command.ts'
import { passedMechanisms } from '../smtp/ehlo.ts'
import type { Parameters } from '../smtp/parameters.ts'
import { type Reply, isPositive, replyClass } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { end, fault } from './ending.ts'
import { forClient } from './relay.ts'
import { fillSlot, openSlot } from './reply-slots.ts'
import type { Hello, Session } from './session.ts'

/** Failed attempts after which the session is ended. */
const attemptsAtMost = 3

/** What EHLO says behind AUTH; empty: it is not offered. */
export function mechanismsFor(session: Session): string {
  const { auth = 'off' } = session.options
  if (auth === 'off' || (auth === 'pass' && !session.secured)) return ''
  return passedMechanisms(session.oracle.backendExtensions())
}

export function onAuth(session: Session, command: Extract<Command, { verb: 'AUTH' }>): void {
  const refusal = refuseAuth(session, command)
  if (refusal !== undefined) return fault(session, refusal)
  if (session.state.at !== 'ready') return
  // The exchange decides about what follows, so nothing may stand behind it yet (RFC 4954 4).
  if (session.oracle.unread()) return end(session, replies.pipelining, 'pipelining')
  const { mechanism, initial } = command
  ask(
    session,
    session.state.hello,
    initial === undefined ? `AUTH ${mechanism}` : `AUTH ${mechanism} ${initial}`,
  )
}

function refuseAuth(
  session: Session,
  { mechanism }: Extract<Command, { verb: 'AUTH' }>,
): Reply | undefined {
  const { options, state, secured } = session
  if ((options.auth ?? 'off') === 'off') return replies.notImplemented
  if (options.auth === 'pass' && !secured) return replies.authNeedsTls
  if (state.at === 'greeted') return replies.helloFirst
  if (state.at !== 'ready') return replies.authNow
  if (session.authenticated) return replies.authTwice
  if (mechanism === '') return replies.badArgument('AUTH')
  const offered = (session.offered.get('AUTH') ?? '').split(' ')
  return offered.includes(mechanism) ? undefined : replies.authMechanism
}

function ask(session: Session, hello: Hello, line: string): void {
  session.state = { at: 'authenticating', hello, slot: openSlot(session.slots) }
  session.effects.push({ do: 'authenticate', line })
}

const response = /^(?:[A-Za-z0-9+/]*={0,2}|\*)$/

/** The client's answer to a challenge; what is none cancels the exchange (RFC 4954 4). */
export function onAuthLine(session: Session, text: string): void {
  const { state } = session
  if (state.at === 'authenticating' && state.slot === undefined)
    ask(session, state.hello, response.test(text) ? text : '*')
}

export function onAuthReplied(session: Session, reply: Reply): void {
  const { state } = session
  if (state.at !== 'authenticating' || state.slot === undefined) return
  const { hello, slot } = state
  if (reply.code === 334) {
    session.state = { at: 'authenticating', hello }
    return fillSlot(session.slots, slot, { code: 334, lines: [reply.lines[0]] })
  }
  session.state = { at: 'ready', hello }
  if (reply.code === 235) {
    session.authenticated = true
    return fillSlot(session.slots, slot, { ...forClient(reply, replies.authOk), code: 235 })
  }
  const refusal = isPositive(reply) || replyClass(reply) === 3 ? replies.authUnavailable : reply
  fillSlot(session.slots, slot, forClient(refusal, replies.authFailed))
  session.authFailures++
  if (session.authFailures >= attemptsAtMost) end(session, replies.tooManyErrors, 'auth')
}

/** Of someone who did not authenticate here MAIL's AUTH parameter is not believed (RFC 4954 5). */
export function believedParameters(session: Session, parameters: Parameters): Parameters {
  if (session.authenticated || !parameters.has('AUTH')) return parameters
  return new Map([...parameters].filter(([name]) => name !== 'AUTH'))
}

/** TLS begins anew, and with it the session (RFC 3207 4.2). */
export function forgetAuth(session: Session): void {
  if (!session.authenticated && session.authFailures === 0) return
  session.authenticated = false
  session.effects.push({ do: 'endAuth' })
}

/** A line of the exchange that is longer than any is. */
export const onAuthLineTooLong = (session: Session): void =>
  end(session, replies.authLineTooLong, 'auth line')
