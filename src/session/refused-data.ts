/**
 * A text that comes although DATA was refused: a client that pipelined MAIL, RCPT and DATA and
 * reads no replies sends it all the same. Its lines are not this client's commands: whoever wrote
 * the text would be speaking in the client's name. So it is read up to CRLF.CRLF, as any text, and
 * answered once (docs/decisions/0008-text-after-refused-data.md).
 */
import type { Command, Verb } from '../smtp/command.ts'
import { replies } from '../smtp/replies.ts'
import { abort, fault } from './ending.ts'
import type { Session } from './session.ts'

/** Who sends one of these has heard that DATA was refused, or never meant to send a text. */
const goesOn: ReadonlySet<Verb> = new Set<Verb>([
  'EHLO',
  'HELO',
  'MAIL',
  'RCPT',
  'DATA',
  'BDAT',
  'RSET',
  'STARTTLS',
])

/**
 * After DATA was refused. `temporary`: because of 4yz replies before, so the text must not be
 * refused for good.
 */
export function expectRefusedText(session: Session, temporary: boolean): void {
  session.refusedData = temporary ? replies.textNotNow : replies.textNotWanted
}

/**
 * Whether this line is the first one of such a text. Nothing that begins with a verb is: a client
 * that reads replies is never misread.
 */
export function beginsRefusedText(session: Session, command: Command): boolean {
  if (session.refusedData === undefined) return false
  switch (command.verb) {
    case 'dot':
    case 'unknown':
      return true
    case 'foreign':
      return command.name.endsWith(':') // a header field, such as User-Agent
    default:
      if (goesOn.has(command.verb)) delete session.refusedData
      return false
  }
}

/** Whatever transaction is still open ends: this was its text. */
export function onRefusedText(session: Session, command: Command): void {
  abort(session)
  const { state } = session
  if (state.at !== 'ready' && state.at !== 'greeted') return
  session.state = { at: 'refusedText', then: state }
  if (command.verb === 'dot') onRefusedTextEnded(session)
  else session.effects.push({ do: 'dropText' })
}

export function onRefusedTextEnded(session: Session): void {
  const { state, refusedData } = session
  if (state.at !== 'refusedText' || refusedData === undefined) return
  session.state = state.then
  delete session.refusedData
  fault(session, refusedData)
}
