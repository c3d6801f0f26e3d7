/** Opening a connection to an endpoint: what is told of it, and why it could not be opened. */
import type { FactListener } from '../../facts/fact.ts'
import type { Reply } from '../../smtp/reply.ts'
import type { Failed } from '../wire/command-reply.ts'
import type { SmtpConnection } from '../wire/connection.ts'
import { openSmtp, Unwelcome } from '../wire/open-smtp.ts'
import { type BackendTls, TlsFailure } from '../wire/secure.ts'
import { type BackendClient, type ClientAddressMode, proxyPreamble } from '../wire/tell-client.ts'
import type { Endpoint, Server } from './route.ts'

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

/** An endpoint could not be used: why, and what was tried then. */
export interface EndpointFailure extends Failed {
  readonly step: 'connect' | 'tls' | 'relay'
  /**
   * What the server said to the connection; absent when it said nothing that could be understood.
   */
  readonly reply?: Reply
  /** It would relay mail for anyone. */
  readonly relays?: true
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
): Promise<SmtpConnection | EndpointFailure> {
  const { onFact, now, clientAddress, tls, signal } = options
  const started = now()
  const preamble = proxyPreamble(clientAddress, client)
  try {
    const connection = await openSmtp({
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
