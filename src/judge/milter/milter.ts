/**
 * A milter as a judge: one conversation a message, when its text is complete, however many groups
 * its recipients are in. What the filter changes in the text those see who are asked after it.
 */
import { possibleEdits } from '../possible-edits.ts'
import type { Judgement, Opinion, Said } from '../../verdict/judgement.ts'
import type { AtATime } from '../at-a-time.ts'
import type { Judge, JudgedEnvelope } from '../judge.ts'
import { type Scanned, type Scanner, type ScannerLimits, scannerJudge } from '../scanner.ts'
import { changedBy } from './changes.ts'
import { MilterClient, type MilterClientOptions, nameOf } from './client.ts'
import type { Outcome } from './conversation.ts'
import { leadingSpace } from './events.ts'
import type { Agreed } from './replies.ts'

export interface MilterOptions extends MilterClientOptions, ScannerLimits {
  readonly name: string
  /** A change that the filter wants and can't have: in words for the log. */
  readonly onLeftOut: (transaction: string, what: string) => void
}

export const milterJudge = (options: MilterOptions): Judge =>
  scannerJudge(new Milter(options), options)

class Milter implements Scanner {
  readonly name: string
  readonly edits = true
  readonly scores = false
  readonly #options: MilterOptions
  readonly #client: MilterClient

  constructor(options: MilterOptions) {
    this.name = options.name
    this.#options = options
    this.#client = new MilterClient(options)
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

  async judge(envelope: JudgedEnvelope, scanned: Scanned, slots: AtATime): Promise<Judgement> {
    const heard = await slots.run(
      async () => await this.#client.judge(envelope, scanned),
      scanned.signal,
    )
    return 'failed' in heard
      ? { kind: 'failed', why: heard.failed }
      : this.#judgementOf(heard, envelope)
  }

  #judgementOf(heard: Outcome & { readonly agreed: Agreed }, envelope: JudgedEnvelope): Judgement {
    const keepsSpace = (heard.agreed.protocol & leadingSpace) !== 0
    const { edits: wanted, leftOut, deleted, isQuarantined } = changedBy(heard.changes, keepsSpace)
    const { edits, left, failed } = possibleEdits(wanted)
    if (failed !== undefined) return { kind: 'failed', why: failed }
    const onLeftOut = (what: string): void => this.#options.onLeftOut(envelope.id, what)
    for (const what of [...new Set(leftOut), ...(left === undefined ? [] : [left])]) onLeftOut(what)
    const opinion = heard.opinion ?? (isQuarantined ? quarantine : undefined)
    const own = ownOf(heard.own, deleted, envelope)
    if (opinion === undefined && own.size === 0 && edits === undefined) return { kind: 'silent' }
    return {
      kind: 'judged',
      symbols: [],
      ...(opinion === undefined ? {} : { opinion }),
      ...(own.size === 0 ? {} : { own }),
      ...(edits === undefined ? {} : { edits }),
    }
  }
}

const quarantine: Opinion = { verdict: 'quarantine' }

function ownOf(
  told: Outcome['own'],
  deleted: readonly string[],
  { recipients }: JudgedEnvelope,
): ReadonlyMap<number, Said> {
  const gone = new Set(deleted.map((address) => address.toLowerCase()))
  const discarded: Said = { opinion: { verdict: 'discard' } }
  return new Map(
    recipients.flatMap(({ index, address }): [number, Said][] => {
      const opinion = told.get(index)
      if (opinion !== undefined) return [[index, { opinion }]]
      return gone.has(address.toLowerCase()) ? [[index, discarded]] : []
    }),
  )
}
