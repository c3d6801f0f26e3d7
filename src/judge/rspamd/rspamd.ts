/**
 * rspamd as a judge: one scan of a message over HTTP, whose score each recipient's own thresholds
 * are compared with; or one scan a group, where rspamd's rules are per user. It changes nothing but
 * header fields, so that others may be asked beside it.
 */
import { checkEdits, type Edit, type Edits } from '../../message/edits.ts'
import type { TextSource } from '../../message/text-source.ts'
import type { Reply } from '../../smtp/reply.ts'
import type { Judgement, Opinion, Said } from '../../verdict/judgement.ts'
import { AtATime } from '../at-a-time.ts'
import type { Judge, JudgedEnvelope, JudgedRecipient, Judging } from '../judge.ts'
import { judgementOf, type ScanOf } from '../several-scans.ts'
import { textSize } from '../text-size.ts'
import { type Forced, readAnswer, type Scan } from './answer.ts'
import { RspamdClient, type RspamdClientOptions, type Scanned } from './client.ts'
import { type Question, questionOf } from './question.ts'

export interface RspamdOptions extends RspamdClientOptions {
  readonly scan: 'once' | 'perGroup'
  /** A larger text is not judged. */
  readonly maxSizeBytes: number
  readonly atATime: number
  /** What rspamd was not told, or a change that it wants and can't have: in words for the log. */
  readonly onLeftOut: (transaction: string, what: string) => void
}

/** How long `check` waits for one server, ms. */
const checkLimitMs = 5000

interface Group {
  readonly key: string
  readonly members: readonly JudgedRecipient[]
}

export class RspamdJudge implements Judge {
  readonly name = 'rspamd'
  readonly edits = false
  readonly scores = true
  readonly #options: RspamdOptions
  readonly #client: RspamdClient
  readonly #slots: AtATime
  readonly #closed = new AbortController()

  constructor(options: RspamdOptions) {
    this.#options = options
    this.#client = new RspamdClient(options)
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
        return wrong === undefined ? [] : [`${server.socketPath ?? server.url} ${wrong}`]
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
    // Nothing is asked before the whole text is there: a slow client would hold a place of others.
    const size = await textSize(text, this.#options.maxSizeBytes, signal)
    if (size === undefined) return { kind: 'silent' }
    const scans: ScanOf[] = []
    for (const group of this.#groupsOf(envelope)) {
      const scan = await this.#scan(envelope, group, { text, size, signal })
      if ('failed' in scan) return { kind: 'failed', why: scan.failed }
      scans.push({
        members: group.members,
        symbols: scan.symbols,
        said: this.#saidOf(scan, envelope.id),
      })
    }
    return judgementOf(scans)
  }

  #groupsOf({ recipients }: JudgedEnvelope): readonly Group[] {
    if (this.#options.scan === 'once') return [{ key: '', members: recipients }]
    const groups = Map.groupBy(recipients, ({ group }) => group)
    return [...groups].map(([key, members]) => ({ key, members }))
  }

  async #scan(
    envelope: JudgedEnvelope,
    group: Group,
    about: Scanned,
  ): Promise<Scan | { readonly failed: string }> {
    const question = questionFor(envelope, group)
    if (question.leftOut.length > 0)
      this.#options.onLeftOut(envelope.id, `HTTP can't say ${question.leftOut.join(', ')}`)
    const { signal } = about
    const said = await this.#slots.run(async () => await this.#client.scan(question, about), signal)
    return 'failed' in said ? said : readAnswer(said.body)
  }

  #saidOf({ score, forced, edits }: Scan, id: string): Said {
    const made = this.#edits(edits, id)
    return {
      score,
      ...(forced === undefined ? {} : { opinion: opinionOf(forced) }),
      ...(made === undefined ? {} : { edits: made }),
    }
  }

  /** Those that can be made: one that can't does not cost the others. */
  #edits(wanted: readonly Edit[], id: string): Edits | undefined {
    if (wanted.length === 0) return undefined
    const possible = wanted.filter((edit) => {
      const made = checkEdits([edit])
      if (!('failed' in made)) return true
      this.#options.onLeftOut(id, `a change can't be made: ${made.failed}`)
      return false
    })
    const all = checkEdits(possible)
    if (!('failed' in all)) return all
    this.#options.onLeftOut(id, `no change is made: ${all.failed}`)
    return undefined
  }
}

function questionFor(envelope: JudgedEnvelope, { members }: Group): Question {
  const { client, tls, authenticated } = envelope
  return questionOf({
    clientAddress: client.address,
    ...(client.name === undefined ? {} : { clientName: client.name }),
    helo: client.helo,
    reversePath: envelope.reversePath,
    recipients: members.map(({ address }) => address),
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
