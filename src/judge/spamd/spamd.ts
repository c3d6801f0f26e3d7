/**
 * SpamAssassin's spamd as a judge: its score, for all recipients or for each with that recipient's
 * own settings. It changes nothing in a text.
 */
import type { TextSource } from '../../message/text-source.ts'
import { printable, toOctets } from '../../smtp/octets.ts'
import type { Judgement } from '../../verdict/judgement.ts'
import type { AtATime } from '../at-a-time.ts'
import type { Judge, JudgedEnvelope, JudgedRecipient } from '../judge.ts'
import { type Scanned, type Scanner, type ScannerLimits, scannerJudge } from '../scanner.ts'
import { judgementOf, type ScanOf } from '../several-scans.ts'
import { nameOf, SpamdClient, type SpamdClientOptions } from './client.ts'

export interface SpamdOptions extends SpamdClientOptions, ScannerLimits {
  /**
   * `perRecipient`: one scan each, as the user that the address is. `perPolicy`: one for each
   * policy, as the user of its name.
   */
  readonly scan: 'once' | 'perPolicy' | 'perRecipient'
  /** Of the one scan; absent: spamd's default. */
  readonly user?: string
}

export const spamdJudge = (options: SpamdOptions): Judge =>
  scannerJudge(new Spamd(options), options)

interface Scan {
  readonly user?: string
  readonly members: readonly JudgedRecipient[]
}

class Spamd implements Scanner {
  readonly name = 'spamd'
  readonly edits = false
  readonly scores = true
  readonly #options: SpamdOptions
  readonly #client: SpamdClient

  constructor(options: SpamdOptions) {
    this.#options = options
    this.#client = new SpamdClient(options)
  }

  trouble(): string | undefined {
    return this.#client.trouble()
  }

  async ping(signal: AbortSignal): Promise<readonly string[]> {
    const said = await Promise.all(
      this.#options.servers.map(async (server) => {
        const wrong = await this.#client.ping(server, signal)
        return wrong === undefined ? [] : [`${nameOf(server)} ${wrong}`]
      }),
    )
    return said.flat()
  }

  async judge(
    envelope: JudgedEnvelope,
    { text, size, signal }: Scanned,
    slots: AtATime,
  ): Promise<Judgement> {
    const top = toOctets(received(envelope))
    const scanned = { text: below(top, text), size: size + top.length, signal }
    const scans = await Promise.all(
      this.#scansOf(envelope).map(async ({ user, members }) => {
        const asked = { ...scanned, ...(user === undefined ? {} : { user }) }
        const said = await slots.run(async () => await this.#client.scan(asked), signal)
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
    const users = Map.groupBy(recipients, ({ address, policy }) =>
      scan === 'perPolicy' ? policy : address.toLowerCase(),
    )
    return [...users].map(([name, members]) => ({
      members,
      ...(name === undefined ? {} : { user: name }),
    }))
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
