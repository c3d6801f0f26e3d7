/**
 * Opening an SMTP or LMTP connection: TCP, TLS, the greeting, EHLO, STARTTLS. Once in the life of
 * each; what is said from then on is for connection.ts.
 */
import type { TLSSocket } from 'node:tls'
import { parseExtensions } from '../../smtp/ehlo.ts'
import { describeReply, isPermanent, isPositive, type Reply } from '../../smtp/reply.ts'
import { isFailed, type ReplyOrFailed } from './command-reply.ts'
import { type ConnectionOptions, SmtpConnection } from './connection.ts'
import { type BackendTls, connectTo, distrust, TlsFailure } from './secure.ts'

export interface OpenOptions extends ConnectionOptions {
  /** TLS comes before the greeting, in place of STARTTLS. */
  readonly implicitTls?: boolean | undefined
  /** From the first packet to the answer to EHLO, in ms. */
  readonly connectTimeoutMs: number
  /** Goes out before anything else, TLS included: a PROXY header. */
  readonly preamble?: Buffer | undefined
  /** Ends an opening that nobody waits for any more. */
  readonly signal?: AbortSignal
}

/** The server has answered, and does not want this connection. */
export class Unwelcome extends Error {
  readonly reply: Reply

  constructor(step: string, reply: Reply) {
    super(`${step}: ${describeReply(reply)}`)
    this.name = 'Unwelcome'
    this.reply = reply
  }
}

/**
 * Connects, reads the greeting, says EHLO and goes into TLS. Where TLS is only opportunistic and
 * fails, it is done without on a fresh connection. Rejects with an Error that says which step
 * failed, and leaves nothing open then.
 */
export async function openSmtp(options: OpenOptions): Promise<SmtpConnection> {
  try {
    return await openOnce(options)
  } catch (error) {
    const giveUp =
      options.tls?.mode !== 'opportunistic' ||
      options.implicitTls === true ||
      options.signal?.aborted
    if (!(error instanceof TlsFailure) || giveUp === true) throw error
    const connection = await openOnce({ ...options, tls: undefined })
    connection.clearBecause = error.message
    return connection
  }
}

async function openOnce(options: OpenOptions): Promise<SmtpConnection> {
  const { signal, connectTimeoutMs, tls, implicitTls } = options
  const socket = connectTo(options, implicitTls === true ? tls : undefined)
  const connection = new SmtpConnection(options, socket)
  const stop = (): void => connection.destroy('shutting down')
  const timer = setTimeout(
    () => connection.destroy(`no answer within ${connectTimeoutMs} ms`),
    connectTimeoutMs,
  )
  signal?.addEventListener('abort', stop, { once: true })
  try {
    await begin(connection, options)
    return connection
  } catch (error) {
    connection.destroy('not opened')
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

async function begin(connection: SmtpConnection, options: OpenOptions): Promise<void> {
  const { tls, socketPath } = options
  const greeted = new Promise<ReplyOrFailed>((resolve) => connection.expect(resolve))
  const { tlsSocket } = connection
  if (tlsSocket !== undefined) await handshake(connection, tlsSocket, tls)
  const greeting = await greeted
  if (isFailed(greeting)) throw new Error(greeting.failed)
  if (!isPositive(greeting)) throw new Unwelcome('greeting', greeting)
  await sayHello(connection, options)
  // Nobody is in between on a Unix socket.
  if (tls !== undefined && socketPath === undefined && connection.tlsVersion === undefined)
    await startTls(connection, options, tls)
  if (connection.ended !== undefined) throw new Error(connection.ended)
}

async function sayHello(connection: SmtpConnection, { helo }: OpenOptions): Promise<void> {
  const { lmtp } = connection
  const verb = lmtp ? 'LHLO' : 'EHLO'
  const ehlo = await ask(connection, `${verb} ${helo}`)
  if (!isFailed(ehlo) && isPositive(ehlo)) {
    // What it offers is known only from a reply that has come to its end.
    if (connection.ended !== undefined) throw new Error(`${verb}: ${connection.ended}`)
    connection.extensions = parseExtensions(ehlo.lines)
  } else if (lmtp) requirePositive(verb, ehlo)
  // Only who does not know EHLO is greeted with HELO (RFC 5321 3.2); a 4yz is no such answer.
  else if (!isFailed(ehlo) && isPermanent(ehlo))
    requirePositive('HELO', await ask(connection, `HELO ${helo}`))
  else requirePositive('EHLO', ehlo)
}

/** RFC 3207: what was said before the handshake is forgotten, and EHLO is said anew. */
async function startTls(
  connection: SmtpConnection,
  options: OpenOptions,
  tls: BackendTls,
): Promise<void> {
  if (!connection.extensions.has('STARTTLS')) {
    if (tls.mode === 'require')
      throw new TlsFailure('STARTTLS is not offered, and backend.tls.mode is require')
    return
  }
  const ready = await new Promise<ReplyOrFailed>((resolve) =>
    connection.command('STARTTLS', (reply) => {
      if (!isFailed(reply) && reply.code === 220 && connection.alive) connection.upgrade(tls)
      resolve(reply)
    }),
  )
  if (isFailed(ready)) throw new TlsFailure(`STARTTLS: ${ready.failed}`)
  const { tlsSocket } = connection
  if (tlsSocket === undefined) throw new TlsFailure(`STARTTLS: ${describeReply(ready)}`)
  await handshake(connection, tlsSocket, tls)
  connection.extensions = new Map()
  await sayHello(connection, options)
}

async function handshake(
  connection: SmtpConnection,
  socket: TLSSocket,
  tls: BackendTls | undefined,
): Promise<void> {
  await new Promise<void>((resolve) =>
    socket.once('secureConnect', resolve).once('close', () => resolve()),
  )
  if (connection.ended !== undefined) throw new TlsFailure(`TLS handshake: ${connection.ended}`)
  const why = tls === undefined ? undefined : distrust(socket, tls)
  if (why !== undefined) throw new TlsFailure(why)
  connection.tlsVersion = socket.getProtocol() ?? 'unknown'
}

async function ask(connection: SmtpConnection, line: string): Promise<ReplyOrFailed> {
  return await new Promise((resolve) => connection.command(line, resolve))
}

function requirePositive(step: string, reply: ReplyOrFailed): void {
  if (isFailed(reply)) throw new Error(`${step}: ${reply.failed}`)
  if (!isPositive(reply)) throw new Unwelcome(step, reply)
}
