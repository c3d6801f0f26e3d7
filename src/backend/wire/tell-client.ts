/**
 * Telling a backend who the client is (protocol.md: Telling the backend who the client is). XCLIENT
 * gives a kept connection a new client; XFORWARD is for the backend's log alone; the PROXY header
 * makes a connection that of one client for good.
 */
import { type Extensions, parseExtensions } from '../../smtp/ehlo.ts'
import { toOctets } from '../../smtp/octets.ts'
import {
  encodeProxyVersion1,
  encodeProxyVersion2,
  proxyVersion2Local,
} from '../../smtp/proxy-header.ts'
import { describeReply, isPositive, type Reply } from '../../smtp/reply.ts'
import { replies } from '../../smtp/replies.ts'
import { type ClientAttributes, encodeClient } from '../../smtp/xclient.ts'
import { type ReplyOrFailed, isFailed, type Failed } from './command-reply.ts'

/**
 * How the backend hears of the client (`backend.client_address`); `none`: not at all, and it sees
 * our address.
 */
export type ClientAddressMode = 'none' | 'xclient' | 'xforward' | 'proxy-v1' | 'proxy-v2'

/** The server takes a connection for the client's; else it sees our address. */
export const tellsClient = (clientAddress: ClientAddressMode): boolean =>
  clientAddress === 'xclient' || isPerClient(clientAddress)

/** One client, as the backend is to know it. */
export interface BackendClient {
  readonly attributes: ClientAttributes
  /** The same for the same attributes. */
  readonly key: string
}

const keys = new WeakMap<ClientAttributes, string>()

/**
 * One of these a message, so it is a class: a getter of an object literal is made anew with each.
 */
class ClientWithKey implements BackendClient {
  readonly attributes: ClientAttributes

  constructor(attributes: ClientAttributes) {
    this.attributes = attributes
  }

  /**
   * Made when it is asked for, which is only where servers are told of clients, and once for the
   * same attributes.
   */
  get key(): string {
    const key = keys.get(this.attributes) ?? JSON.stringify(this.attributes)
    keys.set(this.attributes, key)
    return key
  }
}

export const backendClient = (attributes: ClientAttributes): BackendClient =>
  new ClientWithKey(attributes)

/** What has to be known of a connection to tell its server of the client. */
export interface CommandConnection {
  command(line: string, onReply: (reply: ReplyOrFailed) => void): void
  extensions: Extensions
  readonly lmtp: boolean
}

async function ask(connection: CommandConnection, line: string): Promise<ReplyOrFailed> {
  return await new Promise((resolve) => connection.command(line, resolve))
}

export const notOffered =
  'the server does not offer XCLIENT to us (Postfix: smtpd_authorized_xclient_hosts)'

/**
 * XCLIENT on a connection without open transaction, and EHLO again in the client's name, since the
 * session begins anew (XCLIENT_README). Undefined when the backend takes the client from now on; a
 * reply is the backend's answer to this client, and the connection is of no use to anyone; that is
 * so too when it does not understand what it is told, which is given as `failed`.
 */
export async function sayXclient(
  connection: CommandConnection,
  client: BackendClient,
): Promise<Reply | Failed | undefined> {
  const offered = connection.extensions.get('XCLIENT')
  // Without it the backend would take our address for the client's: everything that it grants to us
  // it would grant to anyone.
  if (offered === undefined) return replies.backendUnavailable
  for (const command of encodeClient('XCLIENT', client.attributes, offered)) {
    const reply = await ask(connection, command)
    if (isFailed(reply)) return reply
    // It does not understand us, which is no opinion of the client: Postfix says 501 to an IPv6
    // address with `inet_protocols = ipv4`.
    if (reply.code >= 500 && reply.code <= 504) return { failed: describeReply(reply) }
    if (!isPositive(reply)) return reply
  }
  const helo = client.attributes.helo ?? 'unknown'
  const verb = connection.lmtp ? 'LHLO' : client.attributes.protocol === 'SMTP' ? 'HELO' : 'EHLO'
  const reply = await ask(connection, `${verb} ${helo}`)
  if (isFailed(reply) || !isPositive(reply)) return reply
  if (verb !== 'HELO') connection.extensions = parseExtensions(reply.lines)
  return undefined
}

/**
 * XFORWARD holds for one message, so it goes out with each MAIL; what is said to it is of no
 * consequence.
 */
export function sayXforward(connection: CommandConnection, client: BackendClient): void {
  const offered = connection.extensions.get('XFORWARD')
  if (offered === undefined) return
  for (const command of encodeClient('XFORWARD', client.attributes, offered))
    connection.command(command, () => undefined)
}

export const isPerClient = (clientAddress: ClientAddressMode): boolean =>
  clientAddress === 'proxy-v1' || clientAddress === 'proxy-v2'

/**
 * Postfix 3.7 does not take UNKNOWN, so it is an address of nobody (RFC 5737), which no server
 * trusts.
 */
const ourselvesVersion1 = 'PROXY TCP4 192.0.2.1 192.0.2.1 1 25\r\n'

/**
 * The octets in front of a connection that is one client's; without a client they say that we speak
 * for ourselves.
 */
export function proxyPreamble(
  clientAddress: ClientAddressMode,
  client: BackendClient | undefined,
): Buffer | undefined {
  if (!isPerClient(clientAddress)) return undefined
  const address = client?.attributes.address
  if (client === undefined || address === undefined) {
    return clientAddress === 'proxy-v2' ? proxyVersion2Local : toOctets(ourselvesVersion1)
  }
  const { port = 0, destinationAddress = address, destinationPort = 0 } = client.attributes
  const addresses = {
    source: { address, port },
    destination: { address: destinationAddress, port: destinationPort },
  }
  return clientAddress === 'proxy-v2'
    ? encodeProxyVersion2(addresses)
    : toOctets(encodeProxyVersion1(addresses))
}
