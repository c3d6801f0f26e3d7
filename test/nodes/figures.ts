/** What a run has cost, by the facts that front-ends tell and by what they have asked. */
import type { Fact } from '../../src/facts/fact.ts'
import { isForcedRetry } from '../../src/facts/transaction.ts'
import { toRow } from '../../src/ledger/stored-split.ts'
import type { Split } from '../../src/split/split.ts'
import type { Entry, Offer } from '../chaos/journal.ts'
import type { FrontEnd } from './front-end.ts'
import type { Questions } from './ledger-of-node.ts'
import type { LedgerServer } from './ledger-server.ts'
import type { Mail } from './mail.ts'
import { accepts } from './population.ts'
import type { Trouble } from './trouble.ts'

interface OfStrategy {
  transactions: number
  forcedRetries: number
  /** ms from a deferral to that recipient's return. */
  readonly delays: number[]
}

/** What was open at a moment. */
export interface Look {
  /** ms since the beginning. */
  readonly at: number
  readonly open: number
  /** As the ledger counts them. */
  readonly bytes: number
}

export interface OfNode {
  transactions: number
}

export class Figures {
  messages = 0
  attempts = 0
  /** Connections to a front-end that was gone. */
  refusedConnections = 0
  /** ms of the run's own time until the last sender was done. */
  lastedMs = 0
  steps = 0
  /** ms that answers of the ledger's server took, on average. */
  answerMs = 0
  readonly strategies = new Map<string, OfStrategy>()
  readonly splits = new Map<string, number>()
  readonly unsplit = new Map<string, number>()
  readonly looks: Look[] = []
  readonly nodes: readonly OfNode[]
  readonly questions: Questions = { openOf: 0, recall: 0, save: 0, find: 0, other: 0, quiet: 0 }
  /** First splits of a sender, each of which wakes all front-ends of its ledger. */
  openings = 0
  /** Recipients who take the message: ms from their sender's first attempt until they had it. */
  readonly waits: number[] = []
  troubles: ReadonlyMap<string, number> = new Map()
  /** Senders of whom something was learned, in the end. */
  learned = 0

  readonly #began: number

  constructor(nodes: number, began: number) {
    this.#began = began
    this.nodes = Array.from({ length: nodes }, () => ({ transactions: 0 }))
  }

  hear(fact: Fact, node: number): void {
    const own = this.nodes[node]
    if (fact.kind === 'splitClosed')
      this.splits.set(fact.outcome, (this.splits.get(fact.outcome) ?? 0) + 1)
    if (fact.kind !== 'transactionEnded') return
    if (own !== undefined) own.transactions++
    const { strategy, recipients, unsplit } = fact
    const of = this.#of(strategy)
    of.transactions++
    of.forcedRetries += recipients.filter(isForcedRetry).length
    for (const { returnedAfterMs } of recipients)
      if (returnedAfterMs !== undefined) of.delays.push(returnedAfterMs)
    if (unsplit !== undefined) this.unsplit.set(unsplit, (this.unsplit.get(unsplit) ?? 0) + 1)
  }

  look(at: number, open: readonly Split[]): void {
    const bytes = open.reduce((sum, split) => sum + toRow(split).bytes, 0)
    this.looks.push({ at, open: open.length, bytes })
  }

  close({ mail, frontEnds, servers, trouble, steps, entries }: Closing): void {
    this.messages = mail.letters.length
    this.attempts = mail.attempts
    this.refusedConnections = mail.refused
    this.steps = steps
    this.troubles = trouble.counts
    this.openings = servers.reduce((sum, server) => sum + server.openings, 0)
    this.#waited(entries)
    const ledgers = frontEnds.flatMap((frontEnd) => frontEnd.ledgers)
    for (const { questions } of ledgers)
      for (const kind of Object.keys(this.questions) as (keyof Questions)[])
        this.questions[kind] += questions[kind]
    const waited = ledgers.reduce(
      (sum, { waited: { ms, answers } }) => ({ ms: sum.ms + ms, answers: sum.answers + answers }),
      { ms: 0, answers: 0 },
    )
    this.answerMs = waited.answers === 0 ? 0 : waited.ms / waited.answers
    this.learned = [...(ledgers[0]?.senders.each() ?? [])].length
  }

  #waited(entries: readonly Entry[]): void {
    const begun = new Map<string, Offer>()
    const had = new Set<string>()
    for (const entry of entries) {
      if (entry.what === 'letter') begun.set(entry.letter, entry)
      if (entry.what === 'transaction')
        this.lastedMs = Math.max(this.lastedMs, entry.to - this.#began)
      if (entry.what !== 'taken') continue
      const offer = begun.get(entry.letter)
      for (const to of entry.to) {
        const key = `${entry.letter} ${to}`
        if (offer === undefined || had.has(key) || !accepts(to, offer.score)) continue
        had.add(key)
        this.waits.push(entry.at - offer.at)
      }
    }
  }

  #of(strategy: string): OfStrategy {
    const known = this.strategies.get(strategy)
    if (known !== undefined) return known
    const of: OfStrategy = { transactions: 0, forcedRetries: 0, delays: [] }
    this.strategies.set(strategy, of)
    return of
  }
}

interface Closing {
  readonly mail: Mail
  readonly frontEnds: readonly FrontEnd[]
  readonly servers: readonly LedgerServer[]
  readonly trouble: Trouble
  readonly steps: number
  readonly entries: readonly Entry[]
}
