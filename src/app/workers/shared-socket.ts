/**
 * A listening address that several processes accept from. The primary binds it, never accepts from
 * it, and keeps it open as long as it is wanted: a worker that ends leaves the queue of connections
 * to the others, and its successor finds it as it was.
 */
import type { ChildProcess, SendHandle } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { BoundSocket, Socket } from 'node:net'
import type { ListenAddress } from '../../config/config.ts'

export class SharedSocket {
  readonly host: string
  readonly port: number
  /** Owns the descriptor; nothing is ever read from it or written to it. */
  readonly #holder: Socket

  private constructor(holder: Socket, { host, port }: ListenAddress) {
    this.#holder = holder
    this.host = host
    this.port = port
  }

  /**
   * Rejects as a server that listens does: with EADDRINUSE, EACCES and the like, and the address.
   */
  static async bind({ host, port }: ListenAddress): Promise<SharedSocket> {
    const { address } = await lookup(host)
    const bound = new BoundSocket({ host: address, port })
    const { port: boundPort } = bound.address() as { readonly port: number }
    const holder = new Socket({ handle: bound, readable: false, writable: false })
    return new SharedSocket(holder, { host, port: boundPort })
  }

  /**
   * A socket that is listening already (service/activation.ts). @throws Error when it is no TCP
   * socket.
   */
  static inherit(descriptor: number): SharedSocket {
    const holder = new Socket({ fd: descriptor, readable: false, writable: false })
    const address = holder.address()
    if ('address' in address)
      return new SharedSocket(holder, { host: address.address, port: address.port })
    holder.destroy()
    throw new Error(
      `descriptor ${descriptor} is no TCP socket: in the socket unit, ListenStream= needs address and port`,
    )
  }

  /**
   * The worker gets `message` and a handle that it can listen on; closing that one leaves this
   * open.
   */
  sendTo(worker: ChildProcess, message: Record<string, unknown>): void {
    // A whole socket would be read from at the other side, and a whole server accepted from here:
    // what is sent is what node:cluster sends.
    const { _handle: handle } = this.#holder as unknown as { readonly _handle: SendHandle }
    // A worker that has gone is noticed by its exit.
    worker.send(message, handle, {}, () => undefined)
  }

  /**
   * Connections that nobody has accepted by then are reset, once the workers have closed it too.
   */
  close(): void {
    this.#holder.destroy()
  }
}
