/**
 * XCLIENT from a proxy that the listener believes (Postfix XCLIENT_README): the session begins
 * anew, as if the client that is named had connected. Everyone else hears 502, as for any command
 * that is not offered.
 */
import { canonicalDomainOf } from '../smtp/domain.ts'
import { noExtensions } from '../smtp/ehlo.ts'
import { parseClient } from '../smtp/xclient.ts'
import { replies } from '../smtp/replies.ts'
import { forgetAuth } from './auth.ts'
import { end, fault } from './ending.ts'
import { sayNow } from './reply-slots.ts'
import type { Client, Session } from './session.ts'
import { known } from '../known.ts'

/**
 * What EHLO says behind XCLIENT. LOGIN is not among them: whom nobody has authenticated here is not
 * taken for authenticated.
 */
export const xclientAttributes = 'NAME ADDR PORT PROTO HELO DESTADDR DESTPORT'

/** Asked of the host at the other end of the connection, whatever it has said of itself since. */
export const mayIntroduce = ({ oracle, connectedFrom }: Session): boolean =>
  oracle.xclientFrom(connectedFrom)

export function onXclient(session: Session, argument: string): void {
  if (!mayIntroduce(session)) return fault(session, replies.notImplemented)
  if (session.oracle.unread()) return end(session, replies.pipelining, 'pipelining')
  if (session.state.at !== 'greeted' && session.state.at !== 'ready')
    return fault(session, replies.nestedMail)
  const named = /\bLOGIN=/i.test(argument) ? undefined : parseClient(argument)
  if (named === undefined) return fault(session, replies.badArgument('XCLIENT'))
  // Several commands may say it together; a new address is another client, of whom nothing else is
  // known.
  const { address = session.client.address, port, name } = named
  const before: Partial<Client> = address === session.client.address ? session.client : {}
  const rdns = name ?? before.rdns
  session.client = {
    address,
    port: port ?? before.port ?? 0,
    ...(rdns === undefined ? {} : { rdns: canonicalDomainOf(rdns) ?? rdns }),
    ...known({ local: session.client.local }),
  }
  session.helo = named.helo ?? ''
  session.offered = noExtensions
  forgetAuth(session)
  session.state = { at: 'greeted' }
  sayNow(session.slots, replies.greeting(session.options.hostname))
}
