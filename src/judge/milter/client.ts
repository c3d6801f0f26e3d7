/**
 * Asks a filter that speaks the milter protocol: one connection a message, over TCP or a Unix
 * socket. Knows nothing of policies.
 */
import { encodeFrame } from './wire.ts'
import type { JudgedEnvelope } from '../judge.ts'
import { askedAt, type Failed, failureInWords } from '../../exchange/octets.ts'
import type { Scanned } from '../scanner.ts'
import { JudgeServers, type ServerChange } from '../servers.ts'
import { Conversation, type Outcome, type Told } from './conversation.ts'
import { Link, type MilterServer } from './link.ts'
import { type Agreed, newestVersion, offerData, oldestVersion, readAgreed } from './replies.ts'
import { envelopeEvents, textEvents } from './text-events.ts'

export interface MilterClientOptions {
  readonly servers: readonly MilterServer[]
  /** Of all that a filter says of one message. */
  readonly answerLimitBytes: number
  /** For a connection to a server. */
  readonly connectTimeoutMs: number
  /** Our name and version, for the macro `v`. */
  readonly software: string
  readonly now: () => number
  readonly onChange: (change: ServerChange) => void
}

interface Named extends MilterServer {
  readonly name: string
}

export type Heard = (Outcome & { readonly agreed: Agreed }) | Failed

export class MilterClient {
  readonly #options: MilterClientOptions
  readonly #servers: JudgeServers<Named>

  constructor(options: MilterClientOptions) {
    this.#options = options
    const { now, onChange } = options
    const servers = options.servers.map((server) => ({ ...server, name: nameOf(server) }))
    this.#servers = new JudgeServers({ servers, now, onChange })
  }

  trouble(): string | undefined {
    return this.#servers.trouble()
  }

  /**
   * What the first filter says that says anything.
   * @throws the signal's reason
   */
  async judge(envelope: JudgedEnvelope, scanned: Scanned): Promise<Heard> {
    return await this.#servers.firstOf(
      async (server) => await this.#converse(server, envelope, scanned),
      scanned.signal,
    )
  }

  /** Whether a server negotiates as a milter does; or what is wrong, in words. */
  async ping(server: MilterServer, signal: AbortSignal): Promise<string | undefined> {
    try {
      const { link } = await this.#negotiated(server, signal)
      link.leave(encodeFrame('Q'))
      return undefined
    } catch (error) {
      return askedAt(failureInWords(error), 'judges[].milter.url')
    }
  }

  /** The newest version first; who hangs up without a word may know the oldest alone. */
  async #negotiated(
    server: MilterServer,
    signal: AbortSignal,
  ): Promise<{ readonly link: Link; readonly agreed: Agreed }> {
    const { answerLimitBytes, connectTimeoutMs } = this.#options
    for (const version of [newestVersion, oldestVersion] as const) {
      const link = Link.open(server, { answerLimitBytes, connectTimeoutMs, signal })
      try {
        await link.write(encodeFrame('O', offerData(version)))
        const frame = await link.read()
        const agreed = frame === undefined ? undefined : readAgreed(frame)
        if (agreed !== undefined && 'failed' in agreed) throw new Error(agreed.failed)
        if (agreed !== undefined) return { link, agreed }
      } catch (error) {
        link.drop()
        throw error
      }
      link.drop()
    }
    throw new Error('it closes the connection when Rcptwise negotiates; is it a milter?')
  }

  async #converse(
    server: MilterServer,
    envelope: JudgedEnvelope,
    { text, signal }: Scanned,
  ): Promise<Heard> {
    let link: Link | undefined
    try {
      const negotiated = await this.#negotiated(server, signal)
      link = negotiated.link
      const { agreed } = negotiated
      const conversation = new Conversation(envelope, agreed, this.#options.software)
      const failed =
        (await toldAll(conversation, link, envelopeEvents(envelope))) ??
        (await toldAll(conversation, link, textEvents(text, conversation)))
      if (failed !== undefined && failed !== 'over') return failed
      link.leave(conversation.farewell)
      link = undefined
      return { ...conversation.outcome, agreed }
    } catch (error) {
      return { failed: failureInWords(error) }
    } finally {
      link?.drop()
    }
  }
}

/** Undefined: it wants to hear more. */
async function toldAll(
  conversation: Conversation,
  link: Link,
  events: Iterable<Told> | AsyncIterable<Told>,
): Promise<'over' | Failed | undefined> {
  for await (const told of events) {
    if (!conversation.wants(told.event)) continue
    await link.write(conversation.tell(told))
    if (!conversation.awaitsAnswer) continue
    const next = await heard(conversation, link)
    if (next !== 'tell') return next
  }
  return undefined
}

/** Until it has answered. */
async function heard(conversation: Conversation, link: Link): Promise<'tell' | 'over' | Failed> {
  for (;;) {
    const frame = await link.read()
    if (frame === undefined) return { failed: 'it closes the connection before it has answered' }
    const next = conversation.hear(frame)
    if (next !== 'hear') return next
  }
}

export const nameOf = ({ host, port, socketPath }: MilterServer): string =>
  socketPath ?? (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)
