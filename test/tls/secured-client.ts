/** A client's side of TLS, on real sockets. */
import { once } from 'node:events'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { Client } from '../support/dialogue.ts'

export interface SecuredClient extends Client {
  readonly socket: TLSSocket
}

/** TLS from the first octet. Rejects when the handshake fails. */
export async function connectSecured(
  port: number,
  options: ConnectionOptions = {},
): Promise<SecuredClient> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  const client = new Client(socket)
  await once(socket, 'secureConnect')
  return client as SecuredClient
}

/** The handshake on a connection that was told 220 to STARTTLS. Rejects when it fails. */
export async function upgradeClient(
  client: Client,
  options: ConnectionOptions = {},
): Promise<SecuredClient> {
  client.socket.removeAllListeners()
  const socket = connect({ socket: client.socket, rejectUnauthorized: false, ...options })
  const secured = new Client(socket)
  await once(socket, 'secureConnect')
  return secured as SecuredClient
}

/** Connects, says EHLO and STARTTLS, and makes the handshake. */
export async function startTls(
  port: number,
  options: ConnectionOptions = {},
): Promise<SecuredClient> {
  const client = await Client.connect(port)
  await client.reply()
  await client.ask('EHLO client.test')
  await client.ask('STARTTLS')
  return await upgradeClient(client, options).catch((error: unknown) => {
    client.close()
    throw error
  })
}
