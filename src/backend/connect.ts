/** Opening a connection to a place: for a client's message, or to ask whether mail can go there at all. */
import type { FactListener } from '../facts.ts'
import type { Extensions } from '../smtp/ehlo.ts'
import { type BackendClient, type Introduction, proxyPreamble } from './introduce.ts'
import type { Asked, Candidate } from './places.ts'
import { askAsStranger, openRelay, stranger, unsure, unsureAtMost } from './relay-guard.ts'
import type { Place, Server } from './route.ts'
import { type BackendTls, TlsFailure } from './secure.ts'
import { SmtpConnection } from './smtp-connection.ts'

export interface ConnectOptions {
  /** Absent: clear text. */
  readonly tls?: BackendTls | undefined
  /** How servers hear of the client that a connection is borrowed for. */
  readonly introduction: Introduction
  readonly helo: string
  /** From the first packet to the answer to EHLO, per server; and the wait for a connection while all are busy. */
  readonly connectTimeoutMs: number
  readonly replyTimeoutMs: number
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
}

export interface NotOpened {
  readonly failed: string
  readonly step: 'connect' | 'tls'
}

/** A host that an MX record has named is not known to be the right one, whatever its certificate (RFC 8689 4.2.1, step 2). */
export const verifiesHost = ({ mode, fingerprints, serverName }: BackendTls, { mx }: Server): boolean =>
  mode === 'require' && (mx !== true || serverName !== undefined || fingerprints.length > 0)

/** Never rejects, and leaves nothing open when it fails. `client`: whom it is for; absent: us. */
export async function openConnection(
  options: ConnectOptions & { readonly signal: AbortSignal },
  { server, host, address, port }: Place,
  client: BackendClient | undefined,
): Promise<SmtpConnection | NotOpened> {
  const { onFact, now, introduction, tls, signal } = options
  const started = now()
  const preamble = proxyPreamble(introduction, client)
  try {
    const connection = await SmtpConnection.open({
      ...options,
      host: address,
      port,
      implicitTls: server.implicitTls,
      lmtp: server.lmtp,
      socketPath: server.socketPath,
      tls: tls === undefined ? undefined : { serverName: host, ...tls, verifiesHost: verifiesHost(tls, server) },
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
    onFact({ kind: 'backendConnected', at: now(), server: server.url, ms: now() - started, ...secured })
    return connection
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error)
    return { failed, step: error instanceof TlsFailure ? 'tls' : 'connect' }
  }
}

/** Asks a place for its EHLO and, where that is to be known, whether it would relay for a stranger. `keep` gets a connection that is still good. */
export async function askPlace(
  options: ConnectOptions & { readonly signal: AbortSignal; readonly guarded?: boolean },
  candidate: Candidate,
  keep: (connection: SmtpConnection) => void,
): Promise<Asked> {
  const guarded = options.guarded === true
  const opened = await openConnection(options, candidate.place, guarded ? stranger : undefined)
  if (!(opened instanceof SmtpConnection)) return opened
  const { extensions } = opened
  if (!guarded) {
    keep(opened)
    return { extensions, safe: true }
  }
  const asked = await askWhetherItRelays(opened, candidate, { extensions, introduction: options.introduction })
  opened.quit()
  return asked
}

async function askWhetherItRelays(
  connection: SmtpConnection,
  candidate: Candidate,
  { extensions, introduction }: { readonly extensions: Extensions; readonly introduction: Introduction },
): Promise<Asked> {
  const answer = await askAsStranger(connection, introduction)
  if (typeof answer === 'object') return { failed: answer.failed, step: 'connect' }
  if (answer === 'relays') return { failed: openRelay, step: 'relay', relays: true }
  if (answer === 'unsure' && ++candidate.unsure < unsureAtMost) return { failed: unsure, step: 'relay' }
  candidate.unsure = 0
  return { extensions, safe: true }
}
