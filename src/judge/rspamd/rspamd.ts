/**
 * rspamd as a judge: one scan of a message over HTTP, whose score each recipient's own thresholds
 * are compared with; or one scan a group, where rspamd's rules are per user. It changes nothing but
 * header fields, so that others may be asked beside it.
 */
import type { Reply } from '../../smtp/reply.ts'
import type { Judgement, Opinion, Said } from '../../verdict/judgement.ts'
import type { AtATime } from '../at-a-time.ts'
import type { Judge, JudgedEnvelope, JudgedRecipient } from '../judge.ts'
import { possibleEdits } from '../possible-edits.ts'
import { type Scanned, type Scanner, type ScannerLimits, scannerJudge } from '../scanner.ts'
import { judgementOf, type ScanOf } from '../several-scans.ts'
import { type Forced, readAnswer, type Scan } from './answer.ts'
import { RspamdClient, type RspamdClientOptions } from './client.ts'
import { type Question, questionOf } from './question.ts'

export interface RspamdOptions extends RspamdClientOptions, ScannerLimits {
  readonly scan: 'once' | 'perGroup'
  /** What rspamd was not told, or a change that it wants and can't have: in words for the log. */
  readonly onLeftOut: (transaction: string, what: string) => void
}

export const rspamdJudge = (options: RspamdOptions): Judge =>
  scannerJudge(new Rspamd(options), options)

interface Group {
  readonly members: readonly JudgedRecipient[]
  /** Whom rspamd is told that the message is for. */
  readonly told: readonly string[]
}

class Rspamd implements Scanner {
  readonly name = 'rspamd'
  /** What it changes are header fields: others may be asked beside it. */
  readonly edits = false
  readonly scores = true
  readonly #options: RspamdOptions
  readonly #client: RspamdClient

  constructor(options: RspamdOptions) {
    this.#options = options
    this.#client = new RspamdClient(options)
  }

  trouble(): string | undefined {
    return this.#client.trouble()
  }

  async ping(signal: AbortSignal): Promise<readonly string[]> {
    const said = await Promise.all(
      this.#options.servers.map(async (server) => {
        const wrong = await this.#client.ping(server, signal)
        return wrong === undefined ? [] : [`${server.socketPath ?? server.url} ${wrong}`]
      }),
    )
    return said.flat()
  }

  async judge(envelope: JudgedEnvelope, scanned: Scanned, slots: AtATime): Promise<Judgement> {
    const scans: ScanOf[] = []
    for (const group of this.#groupsOf(envelope)) {
      const scan = await slots.run(
        async () => await this.#scan(envelope, group, scanned),
        scanned.signal,
      )
      if ('failed' in scan) return { kind: 'failed', why: scan.failed }
      scans.push({
        members: group.members,
        symbols: scan.symbols,
        said: this.#saidOf(scan, envelope.id),
      })
    }
    return judgementOf(scans)
  }

  #groupsOf({ recipients, firstRecipients }: JudgedEnvelope): readonly Group[] {
    if (this.#options.scan === 'once') return [{ members: recipients, told: firstRecipients }]
    const groups = Map.groupBy(recipients, ({ group }) => group)
    return [...groups.values()].map((members) => ({
      members,
      told: members.map(({ address }) => address),
    }))
  }

  async #scan(
    envelope: JudgedEnvelope,
    group: Group,
    about: Scanned,
  ): Promise<Scan | { readonly failed: string }> {
    const question = questionFor(envelope, group)
    if (question.leftOut.length > 0)
      this.#options.onLeftOut(envelope.id, `HTTP can't say ${question.leftOut.join(', ')}`)
    const said = await this.#client.scan(question, about)
    return 'failed' in said ? said : readAnswer(said.body)
  }

  #saidOf({ score, forced, edits }: Scan, id: string): Said {
    const { edits: made, left } = possibleEdits(edits)
    if (left !== undefined) this.#options.onLeftOut(id, left)
    return {
      score,
      ...(forced === undefined ? {} : { opinion: opinionOf(forced) }),
      ...(made === undefined ? {} : { edits: made }),
    }
  }
}

function questionFor(envelope: JudgedEnvelope, { told }: Group): Question {
  const { client, tls, authenticated } = envelope
  return questionOf({
    clientAddress: client.address,
    ...(client.name === undefined ? {} : { clientName: client.name }),
    helo: client.helo,
    reversePath: envelope.reversePath,
    recipients: told,
    // Who it is the server behind knows alone; that it is somebody is what rules look at.
    ...(authenticated ? { user: 'authenticated' } : {}),
    ...(tls === undefined ? {} : { tls: { version: tls.protocol, cipher: tls.cipher } }),
    hostname: envelope.hostname,
    transaction: envelope.id,
  })
}

function opinionOf({ action, words }: Forced): Opinion {
  const reply = replyOf(action, words)
  return { verdict: action, ...(reply === undefined ? {} : { reply }) }
}

/** RFC 3463 3.8: security or policy. */
function replyOf(action: Forced['action'], words: string | undefined): Reply | undefined {
  if (words === undefined) return undefined
  if (action === 'reject') return { code: 550, detail: '7.1', lines: [words] }
  return action === 'defer' ? { code: 451, detail: '7.1', lines: [words] } : undefined
}
