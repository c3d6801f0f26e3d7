import type { Socket } from 'node:net'
import type { Session } from '../session/session.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'

/** The client, as the backend may be told of it. */
export function attributesOf({ client, helo, state }: Session, { localAddress, localPort }: Socket): ClientAttributes {
  return {
    address: client.address,
    port: client.port,
    helo,
    protocol: 'hello' in state && state.hello.verb === 'HELO' ? 'SMTP' : 'ESMTP',
    ...(client.rdns === undefined ? {} : { name: client.rdns }),
    ...(localAddress === undefined ? {} : { destinationAddress: localAddress.replace(/^::ffff:/i, '') }),
    ...(localPort === undefined ? {} : { destinationPort: localPort }),
  }
}
