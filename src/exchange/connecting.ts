/** A server that is asked may be silent already when it is connected to: a host that is gone. */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** A socket that is not connected (and its TLS agreed on) in time ends with an error. */
export function limitConnecting(socket: Socket, limitMs: number): void {
  const late = setTimeout(
    () => socket.destroy(new Error(`no connection within ${limitMs} ms`)),
    limitMs,
  )
  const done = (): void => clearTimeout(late)
  socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', done)
  socket.once('close', done)
}
