/**
 * A chaos run's record, as the count asks it: what a sender was told and when, what the server
 * behind took and refused, and what was done to the processes meanwhile. Pure.
 */
import type {
  Away,
  Blow,
  Entry,
  Fall,
  Lag,
  Offer,
  Refused,
  Switch,
  Taken,
  Transaction,
} from './journal.ts'

/**
 * Clocks are one, but who writes down a moment may have been held up between it and the writing. A
 * sender that goes away while the server thinks does so more than a second before the server
 * answers (mail.ts), so this much proves nothing wrong. On a busy machine it is longer by a
 * multiple of what the run's own timers were late.
 */
const slackMs = 700
const slackPerLag = 5
/** As long as a question may be without an answer before a front-end says so. */
const unansweredMs = 1500
/** Until a front-end uses a ledger again that was away. */
const reconnectMs = 6000
/** Until another front-end knows of a strategy (docs/strategies.md: within a second). */
const strategyMs = 2000

export interface Copy extends Taken {
  /** When the server's 250 had left; never, if it or the connection ended before. */
  readonly said: number | undefined
}

export class Evidence {
  readonly offers: readonly Offer[]
  readonly #transactions = new Map<string, Transaction[]>()
  readonly #copies = new Map<string, Copy[]>()
  readonly refusals: readonly Refused[]
  readonly #blows: readonly Blow[]
  readonly #switches: readonly Switch[]
  readonly falls: readonly Fall[]
  readonly #lags: readonly Lag[]
  readonly #away: readonly Away[]
  readonly #firstStrategy: string

  constructor(entries: readonly Entry[], firstStrategy: string) {
    this.falls = entries.filter((entry): entry is Fall => entry.what === 'fall')
    this.#firstStrategy = firstStrategy
    const of = <What extends Entry['what']>(what: What): Extract<Entry, { what: What }>[] =>
      entries.filter((entry): entry is Extract<Entry, { what: What }> => entry.what === what)
    this.offers = of('letter')
    this.refusals = of('refused')
    this.#blows = of('blow')
    this.#switches = of('switch')
    this.#lags = of('lag')
    this.#away = of('away')
    for (const transaction of of('transaction'))
      this.#transactions.set(transaction.letter, [
        ...(this.#transactions.get(transaction.letter) ?? []),
        transaction,
      ])
    const said = new Map(of('said').map(({ number, at }) => [number, at]))
    for (const taken of of('taken'))
      this.#copies.set(taken.letter, [
        ...(this.#copies.get(taken.letter) ?? []),
        { ...taken, said: said.get(taken.number) },
      ])
  }

  transactionsOf(letter: string): readonly Transaction[] {
    return this.#transactions.get(letter) ?? []
  }

  copiesOf(letter: string): readonly Copy[] {
    return this.#copies.get(letter) ?? []
  }

  copiesFor(letter: string, recipient: string): readonly Copy[] {
    return this.copiesOf(letter).filter(({ to }) => to.includes(recipient))
  }

  slack(from: number, to: number): number {
    const around = this.#lags.filter(
      ({ at, ms }) => at >= from - slackMs && at - ms <= to + slackMs,
    )
    return slackMs + slackPerLag * Math.max(0, ...around.map(({ ms }) => ms))
  }

  blowIn(from: number, to: number, which: (blow: Blow) => boolean): Blow | undefined {
    return this.#blows.find((blow) => blow.at >= from && blow.at <= to && which(blow))
  }

  /** A process of the front-end stood still at some moment between the two. */
  wasStopped(front: number, from: number, to: number): boolean {
    return this.#blows.some((blow, i) => {
      if (blow.front !== front || blow.how !== 'SIGSTOP' || blow.at > to) return false
      const goesOn = this.#blows
        .slice(i)
        .find(({ pid, how }) => pid === blow.pid && how === 'SIGCONT')
      return (goesOn?.at ?? Infinity) >= from
    })
  }

  /**
   * Something was done to its server, for all or for a front-end that had one of these
   * transactions; or a front-end had no answer of it for other reasons while it had one of them.
   */
  ledgerWasAway(from: number, to: number, of: readonly Transaction[]): boolean {
    const saidSo = this.#away.some((away) => {
      const [begins, ends] = [away.at - unansweredMs, away.to + unansweredMs]
      const isThere = (one: Transaction): boolean =>
        one.front === away.front && one.from <= ends && one.to >= begins
      return begins <= to && ends >= from && of.some(isThere)
    })
    const isOfOne = ({ front }: Blow): boolean =>
      front === undefined || of.some((transaction) => transaction.front === front)
    return saidSo || this.#serverWasAway(from, to, isOfOne)
  }

  /** Front-ends said that their ledger could not be used, and nothing was done to its server. */
  awayByItself(): readonly Away[] {
    return this.#away.filter(({ at }) => !this.#serverWasAway(at - unansweredMs, at, () => true))
  }

  #serverWasAway(from: number, to: number, which: (blow: Blow) => boolean): boolean {
    return this.#blows.some((blow, i) => {
      if (
        blow.target !== 'redis' ||
        (blow.how !== 'SIGKILL' && blow.how !== 'SIGSTOP') ||
        blow.at > to
      )
        return false
      if (!which(blow)) return false
      const back = this.#blows
        .slice(i + 1)
        .find(({ target, pid }) => target === 'redis' && pid === blow.pid)
      return (back?.at ?? Infinity) + reconnectMs >= from
    })
  }

  /** Every strategy that may have been in force at some moment between the two. */
  inForce(from: number, to: number): ReadonlySet<string> {
    const possible = new Set<string>()
    const spans = [
      { strategy: this.#firstStrategy, begins: 0 },
      ...this.#switches.map(({ strategy, at }) => ({ strategy, begins: at })),
    ]
    spans.forEach(({ strategy, begins }, i) => {
      // It may last until a later order was certainly carried out.
      const later = this.#switches.slice(i).find((next) => next.to !== undefined)
      const ends = (later?.to ?? Infinity) + strategyMs + this.slack(from, to)
      if (begins <= to && ends >= from) possible.add(strategy)
    })
    return possible
  }
}
