/**
 * SpamAssassin's spamd as a judge: its score, for all recipients or for each with that recipient's
 * own settings. It changes nothing in a text.
 */
import type { TextSource } from '../../message/text-source.ts'
import { printable, toOctets } from '../../smtp/octets.ts'
import type { Judgement } from '../../verdict/judgement.ts'
import { AtATime } from '../at-a-time.ts'
import type { Judge, JudgedEnvelope, JudgedRecipient, Judging } from '../judge.ts'
import { judgementOf, type ScanOf } from '../several-scans.ts'
import { textSize } from '../text-size.ts'
import { nameOf, SpamdClient, type SpamdClientOptions } from './client.ts'

export interface SpamdOptions extends SpamdClientOptions {
  /** `perRecipient`: one scan each, as the user that the address is. */
  readonly scan: 'once' | 'perRecipient'
  /** Of the one scan; absent: spamd's default. */
  readonly user?: string
  /** A larger text is not judged. */
  readonly maxSizeBytes: number
  readonly atATime: number
}

/** How long `check` waits for one server, ms. */
const checkLimitMs = 5000

interface Scan {
  readonly user?: string
  readonly members: readonly JudgedRecipient[]
}

export class SpamdJudge implements Judge {
  readonly name = 'spamd'
  readonly edits = false
  readonly scores = true
  readonly #options: SpamdOptions
  readonly #client: SpamdClient
  readonly #slots: AtATime
  readonly #closed = new AbortController()

  constructor(options: SpamdOptions) {
    this.#options = options
    this.#client = new SpamdClient(options)
    this.#slots = new AtATime(options.atATime)
  }

  message(envelope: JudgedEnvelope): Judging {
    return {
      way: 'reads',
      judge: async (text, signal) => {
        const ended = AbortSignal.any([signal, this.#closed.signal])
        try {
          return await this.#judge(envelope, text, ended)
        } catch (error) {
          if (this.#closed.signal.aborted) return { kind: 'failed', why: 'it was closed' }
          throw error
        }
      },
    }
  }

  trouble(): string | undefined {
    return this.#client.trouble()
  }

  async check(): Promise<string | undefined> {
    const said = await Promise.all(
      this.#options.servers.map(async (server) => {
        const wrong = await this.#client.ping(server, AbortSignal.timeout(checkLimitMs))
        return wrong === undefined ? [] : [`${nameOf(server)} ${wrong}`]
      }),
    )
    const all = said.flat()
    return all.length === 0 ? undefined : all.join('; ')
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await Promise.resolve()
  }

  async #judge(
    envelope: JudgedEnvelope,
    text: TextSource,
    signal: AbortSignal,
  ): Promise<Judgement> {
    const size = await textSize(text, this.#options.maxSizeBytes, signal)
    if (size === undefined) return { kind: 'silent' }
    const top = toOctets(received(envelope))
    const scanned = { text: below(top, text), size: size + top.length, signal }
    const scans = await Promise.all(
      this.#scansOf(envelope).map(async ({ user, members }) => {
        const asked = { ...scanned, ...(user === undefined ? {} : { user }) }
        const said = await this.#slots.run(async () => await this.#client.scan(asked), signal)
        return 'failed' in said
          ? said
          : { members, symbols: said.symbols, said: { score: said.score } }
      }),
    )
    const told: ScanOf[] = []
    for (const scan of scans)
      if ('failed' in scan) return { kind: 'failed', why: scan.failed }
      else told.push(scan)
    return judgementOf(told)
  }

  #scansOf({ recipients }: JudgedEnvelope): readonly Scan[] {
    const { scan, user } = this.#options
    if (scan === 'once') return [{ members: recipients, ...(user === undefined ? {} : { user }) }]
    const users = Map.groupBy(recipients, ({ address }) => address.toLowerCase())
    return [...users].map(([address, members]) => ({ user: address, members }))
  }
}

/**
 * The protocol has no room for the client: SpamAssassin reads it in the topmost Received field, as
 * spamass-milter and MTAs write it.
 */
function received({ client, hostname, authenticated, tls, id }: JudgedEnvelope): string {
  const name = client.name ?? 'unknown'
  const way = `ESMTP${tls === undefined ? '' : 'S'}${authenticated ? 'A' : ''}`
  const from = `from ${client.helo === '' ? 'unknown' : client.helo} (${name} [${client.address}])`
  return `Received: ${printable(from)}\r\n\tby ${printable(hostname)} with ${way} id ${printable(id)};\r\n\t${date()}\r\n`
}

/** RFC 5322 3.3, in UTC. */
const date = (): string => new Date().toUTCString().replace(/GMT$/, '+0000')

const below = (top: Buffer, text: TextSource): TextSource => ({
  whole() {
    const chunks = text.whole()
    return chunks === undefined ? undefined : [top, ...chunks]
  },
  async *chunks() {
    yield top
    yield* text.chunks()
  },
})
