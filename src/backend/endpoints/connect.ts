/**
 * Opening a connection to an endpoint: for a client's message, or to ask whether mail can go there
 * at all.
 */
import type { FactListener } from '../../facts.ts'
import type { Reply } from '../../smtp/reply.ts'
import {
  type BackendClient,
  type ClientAddressMode,
  proxyPreamble,
  tellsClient,
} from '../wire/tell-client.ts'
import type { Asked, EndpointState } from './endpoints.ts'
import {
  askWhetherItRelays,
  openRelay,
  questionsFor,
  type RelayQuestions,
  stranger,
  unsure,
  unsureAtMost,
} from './relay-guard.ts'
import type { Endpoint, Server } from './route.ts'
import { type BackendTls, TlsFailure } from '../wire/secure.ts'
import { SmtpConnection, Unwelcome } from '../wire/connection.ts'

export interface ConnectOptions {
  /** Absent: clear text. */
  readonly tls?: BackendTls | undefined
  /** How servers hear of the client that a connection is borrowed for. */
  readonly clientAddress: ClientAddressMode
  readonly helo: string
  /**
   * From the first packet to the answer to EHLO, per server; and the wait for a connection while
   * all are busy.
   */
  readonly connectTimeoutMs: number
  readonly replyTimeoutMs: number
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
}

export interface NotOpened {
  readonly failed: string
  readonly step: 'connect' | 'tls'
  /**
   * What the server said to the connection; absent when it said nothing that could be understood.
   */
  readonly reply?: Reply
}

/**
 * A host that an MX record has named is not known to be the right one, whatever its certificate
 * (RFC 8689 4.2.1, step 2).
 */
export const verifiesHost = (
  { mode, fingerprints, serverName }: BackendTls,
  { mx }: Server,
): boolean =>
  mode === 'require' && (mx !== true || serverName !== undefined || fingerprints.length > 0)

/** Never rejects, and leaves nothing open when it fails. `client`: whom it is for; absent: us. */
export async function openConnection(
  options: ConnectOptions & { readonly signal: AbortSignal },
  { server, host, address, port }: Endpoint,
  client: BackendClient | undefined,
): Promise<SmtpConnection | NotOpened> {
  const { onFact, now, clientAddress, tls, signal } = options
  const started = now()
  const preamble = proxyPreamble(clientAddress, client)
  try {
    const connection = await SmtpConnection.open({
      ...options,
      host: address,
      port,
      implicitTls: server.implicitTls,
      lmtp: server.lmtp,
      socketPath: server.socketPath,
      tls:
        tls === undefined
          ? undefined
          : { serverName: host, ...tls, verifiesHost: verifiesHost(tls, server) },
      preamble,
    })
    if (signal.aborted) {
      connection.destroy('shutting down')
      return { failed: 'shutting down', step: 'connect' }
    }
    if (preamble !== undefined) connection.client = client?.key
    const { clearBecause, tlsVersion } = connection
    if (clearBecause !== undefined) {
      const why = `${clearBecause}; it goes on in clear`
      onFact({ kind: 'backendFailed', at: now(), server: server.url, step: 'tls', why })
    }
    const secured = tlsVersion === undefined ? {} : { tls: tlsVersion }
    onFact({
      kind: 'backendConnected',
      at: now(),
      server: server.url,
      ms: now() - started,
      ...secured,
    })
    return connection
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error)
    const reply = error instanceof Unwelcome ? { reply: error.reply } : {}
    return { failed, step: error instanceof TlsFailure ? 'tls' : 'connect', ...reply }
  }
}

/** Of an endpoint, what decides what it is asked. */
export type AskedEndpoint = Pick<EndpointState, 'endpoint' | 'safe' | 'relay' | 'unsure'>

interface AskOptions extends ConnectOptions {
  readonly signal: AbortSignal
  readonly relayQuestions?: RelayQuestions | undefined
}

/**
 * Asks an endpoint for its EHLO and, where that is to be known, whether it would relay. `keep` gets
 * a connection that is still good.
 */
export async function askPlace(
  options: AskOptions,
  candidate: AskedEndpoint,
  keep: (connection: SmtpConnection) => void,
): Promise<Exclude<Asked, { readonly full: true }> | NotOpened> {
  const { relayQuestions: questions, now } = options
  const { safe, relay } = candidate
  if (questions !== undefined && (!safe || relay.due(now())))
    return await askRelay(options, candidate, questions)
  const opened = await openConnection(options, candidate.endpoint, undefined)
  if (!(opened instanceof SmtpConnection)) return opened
  if (questions !== undefined && relay.changed(opened.extensions)) {
    opened.quit()
    return await askRelay(options, candidate, questions)
  }
  const { extensions } = opened
  keep(opened)
  return { extensions, safe: true }
}

async function askRelay(
  options: AskOptions,
  candidate: AskedEndpoint,
  questions: RelayQuestions,
): ReturnType<typeof askPlace> {
  const { clientAddress, now } = options
  const { endpoint, relay } = candidate
  const opened = await openConnection(
    options,
    endpoint,
    tellsClient(clientAddress) ? stranger : undefined,
  )
  if (!(opened instanceof SmtpConnection)) return opened
  const { extensions } = opened
  const answer = await askWhetherItRelays(
    opened,
    clientAddress,
    questionsFor(questions, ownAddress(endpoint)),
  )
  opened.quit()
  if (typeof answer === 'object') {
    if ('failed' in answer) return { failed: answer.failed, step: 'connect' }
    return { failed: openRelay(answer.relays, clientAddress), step: 'relay', relays: true }
  }
  // Who was known to refuse before is not left alone for a 4yz.
  if (answer === 'unsure' && !candidate.safe && ++candidate.unsure < unsureAtMost)
    return { failed: unsure, step: 'relay' }
  candidate.unsure = 0
  relay.asked(now())
  return { extensions, safe: true }
}

const ownAddress = ({ server, address }: Endpoint): string =>
  server.socketPath === undefined ? address : ''
