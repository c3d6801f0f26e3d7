/** The client of a session, as the backend may be told of it. */
import type { Session } from '../session/session.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'
import type { OwnEnd } from './connection-options.ts'
import { known } from '../known.ts'

/**
 * The client, as the backend may be told of it. Asked at each message, and the same object while
 * nothing of it has changed.
 */
export class AttributesOfClient {
  #attributes: ClientAttributes | undefined
  #madeOf: readonly unknown[] = []

  of({ client, helo, state }: Session, ownEnd: OwnEnd): ClientAttributes {
    const protocol = 'hello' in state && state.hello.verb === 'HELO' ? 'SMTP' : 'ESMTP'
    const [madeClient, madeHelo, madeProtocol] = this.#madeOf
    const same = client === madeClient && helo === madeHelo && protocol === madeProtocol
    if (this.#attributes !== undefined && same) return this.#attributes
    this.#madeOf = [client, helo, protocol]
    this.#attributes = {
      address: client.address,
      port: client.port,
      helo,
      protocol,
      ...known({ name: client.rdns }),
      ...(ownEnd.address === ''
        ? {}
        : { destinationAddress: ownEnd.address, destinationPort: ownEnd.port }),
    }
    return this.#attributes
  }
}
