import type { Socket } from 'node:net'
import type { Session } from '../session/session.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'

/** The client, as the backend may be told of it. Asked at each message, and the same object while nothing of it has changed. */
export class AttributesOfClient {
  #attributes: ClientAttributes | undefined
  #madeOf: readonly unknown[] = []

  of({ client, helo, state }: Session, socket: Pick<Socket, 'localAddress' | 'localPort'>): ClientAttributes {
    const protocol = 'hello' in state && state.hello.verb === 'HELO' ? 'SMTP' : 'ESMTP'
    const [madeClient, madeHelo, madeProtocol, madeSocket] = this.#madeOf
    const same = client === madeClient && helo === madeHelo && protocol === madeProtocol && socket === madeSocket
    if (this.#attributes !== undefined && same) return this.#attributes
    const { localAddress, localPort } = socket
    this.#madeOf = [client, helo, protocol, socket]
    this.#attributes = {
      address: client.address,
      port: client.port,
      helo,
      protocol,
      ...(client.rdns === undefined ? {} : { name: client.rdns }),
      ...(localAddress === undefined ? {} : { destinationAddress: localAddress.replace(/^::ffff:/i, '') }),
      ...(localPort === undefined ? {} : { destinationPort: localPort }),
    }
    return this.#attributes
  }
}
