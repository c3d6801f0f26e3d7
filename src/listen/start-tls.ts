/**
 * STARTTLS on a session that goes on: the handshake, and what the session and the facts are told of
 * it.
 */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { FactListener } from '../facts/fact.ts'
import type { Event } from '../session/effects.ts'
import type { Session } from '../session/session.ts'
import { secure, type TlsServer } from './upgrade.ts'

export interface StartTlsListener {
  readonly tell: (event: Event) => void
  readonly onFact: FactListener
  readonly now: () => number
}

/**
 * The session goes on over the socket that is given back, once the machine hears `secured`; it ends
 * with `securingFailed`.
 */
export function startTls(
  socket: Socket,
  tls: TlsServer,
  session: Session,
  listener: StartTlsListener,
): TLSSocket {
  const { tell, onFact, now } = listener
  socket.removeAllListeners()
  return secure(socket, tls, {
    secured: (secured) => tell({ kind: 'secured', at: now(), ...secured }),
    failed: (failure) => {
      onFact({
        kind: 'tlsFailed',
        at: now(),
        address: session.client.address,
        session: session.id,
        ...failure,
      })
      tell({ kind: 'securingFailed', at: now() })
    },
  })
}
