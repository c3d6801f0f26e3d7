/**
 * For whom a server takes a connection, and for whom it can be made to (`backend.client_address`).
 * What is said for that is in wire/tell-client.ts.
 */
import { describeReply } from '../../smtp/reply.ts'
import { isFailed } from '../wire/command-reply.ts'
import type { SmtpConnection } from '../wire/connection.ts'
import {
  type BackendClient,
  type ClientAddressMode,
  notOffered,
  sayXclient,
} from '../wire/tell-client.ts'
import type { NotLent } from './lending.ts'

/** A connection serves whoever comes: its server is told nothing, or with each message. */
export const servesAnyone = (clientAddress: ClientAddressMode): boolean =>
  clientAddress === 'none' || clientAddress === 'xforward'

/**
 * Postfix takes XCLIENT again only where smtpd_authorized_xclient_hosts holds the client that it
 * was told of: its EHLO says so.
 */
export function canBecome(
  connection: SmtpConnection,
  client: BackendClient | undefined,
  clientAddress: ClientAddressMode,
): boolean {
  if (servesAnyone(clientAddress) || connection.client === client?.key) return true
  return clientAddress === 'xclient' && client !== undefined && connection.extensions.has('XCLIENT')
}

/**
 * The client whom its server has to be told of before it is used; undefined: nothing is left to
 * say.
 */
export function clientToTell(
  connection: SmtpConnection,
  client: BackendClient | undefined,
  clientAddress: ClientAddressMode,
): BackendClient | undefined {
  if (clientAddress !== 'xclient') return undefined
  return connection.client === client?.key ? undefined : client
}

/**
 * XCLIENT: the server takes the connection for this client's from now on (undefined), or has
 * something to say to it (`refusal`). When it does not, the connection is of no use to anyone, and
 * is left.
 */
export async function tellClient(
  connection: SmtpConnection,
  client: BackendClient,
): Promise<NotLent | undefined> {
  const answer = await sayXclient(connection, client)
  if (answer === undefined) {
    connection.client = client.key
    return undefined
  }
  connection.quit()
  if (isFailed(answer)) return answer
  const failed = connection.extensions.has('XCLIENT') ? describeReply(answer) : notOffered
  return { failed, refusal: answer }
}
