/**
 * What a run's record says of each recipient of each message: lost, there twice, answered wrongly,
 * never answered. Nothing but the record is looked at, and what it explains is told with its
 * reason; what is left is a finding. Pure.
 */
import type { Blow, Entry, Lag, Offer, Refused, Switch, Taken, Transaction } from './journal.ts'
import { accepts } from './people.ts'
import {
  digit,
  isAnswered,
  isKnownByText,
  isOurDeferral,
  isShared,
  lastTold,
  comeFirst,
  endsFront,
  madeNoProgress,
  makesSomebodyWait,
  peopleIn,
  sizeTold,
  startsWith,
  waitsAtRcpt,
  ofTheServerBehind,
} from './attempts.ts'

export const faults = ['lost', 'doubled', 'wrong', 'undone', 'fell'] as const
export type Fault = (typeof faults)[number]

export interface Finding {
  readonly fault: Fault
  readonly letter: string
  readonly recipient: string
  readonly what: string
  /** From the record; absent for what nothing explains. */
  readonly because?: string
}

export interface OpenSplit {
  readonly from: string
  readonly messageId?: string
  readonly recipients: readonly string[]
}

/**
 * Clocks are one, but who writes down a moment may have been held up between it and the writing. A
 * sender that goes away while the server thinks does so more than a second before the server
 * answers (mail.ts), so this much proves nothing wrong. On a busy machine it is longer by a
 * multiple of what the run's own timers were late.
 */
const slackMs = 700
const slackPerLag = 5
/** Until a front-end uses a ledger again that was away. */
const reconnectMs = 6000
/** So many returns that only the text told of are no sign of a sender that can't be split. */
const recognisedReturns = 3
/** A server behind that takes its time needs no more than this for a text. */
const deliveryMs = 3000
/** Until another front-end knows of a strategy (docs/strategies.md: within a second). */
const strategyMs = 2000

/** The server behind marks its words. */

interface Copy extends Taken {
  /** When the server's 250 had left; never, if it or the connection ended before. */
  readonly said: number | undefined
}

export class Record {
  readonly offers: readonly Offer[]
  readonly #transactions = new Map<string, Transaction[]>()
  readonly #copies = new Map<string, Copy[]>()
  readonly #refusals: readonly Refused[]
  readonly #blows: readonly Blow[]
  readonly #switches: readonly Switch[]
  readonly #entries: readonly Entry[]
  readonly #lags: readonly Lag[]
  readonly #firstStrategy: string

  constructor(entries: readonly Entry[], firstStrategy: string) {
    this.#entries = entries
    this.#firstStrategy = firstStrategy
    const of = <What extends Entry['what']>(what: What): Extract<Entry, { what: What }>[] =>
      entries.filter((entry): entry is Extract<Entry, { what: What }> => entry.what === what)
    this.offers = of('letter')
    this.#refusals = of('refused')
    this.#blows = of('blow')
    this.#switches = of('switch')
    this.#lags = of('lag')
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

  copiesFor(letter: string, recipient: string): readonly Copy[] {
    return (this.#copies.get(letter) ?? []).filter(({ to }) => to.includes(recipient))
  }

  findings(): Finding[] {
    const fallen = this.#entries.flatMap((entry): Finding[] =>
      entry.what === 'fall'
        ? [
            {
              fault: 'fell',
              letter: '',
              recipient: '',
              what: `front-end ${entry.front}, ${entry.process}: ${entry.why}`,
            },
          ]
        : [],
    )
    return [
      ...fallen,
      ...this.offers.flatMap((offer) => [
        ...offer.to.flatMap((recipient) => this.#findingsOf(offer, recipient)),
        ...this.#rule2(offer),
      ]),
    ]
  }

  #findingsOf(offer: Offer, recipient: string): Finding[] {
    const found: Finding[] = []
    const { letter, score } = offer
    const find = (fault: Fault, what: string, because?: string): unknown =>
      found.push({ fault, letter, recipient, what, ...(because !== undefined && { because }) })
    const transactions = this.transactionsOf(letter)
    const copies = this.copiesFor(letter, recipient)
    const told = transactions.flatMap((transaction) =>
      transaction.told
        .filter(([to]) => to === recipient)
        .map(([, reply]) => ({ transaction, reply })),
    )
    const yes = told.filter(({ reply }) => digit(reply) === 2)
    const no = told.filter(({ reply }) => digit(reply) === 5)
    if (yes.length > 0 && copies.length === 0)
      find('lost', `was told "${yes[0]?.reply ?? ''}" and nobody has it`)
    copies.slice(1).forEach((copy, i) => {
      const before = copies[i]
      if (before === undefined) return
      find(
        'doubled',
        `taken at ${before.at} and at ${copy.at}`,
        this.#whyAgain(letter, recipient, before, copy.at),
      )
    })
    for (const { transaction, reply } of no) {
      const [first] = copies
      if (first !== undefined)
        find(
          'wrong',
          `has it, and was told "${reply}"`,
          this.#whyAgain(letter, recipient, first, transaction.to) ??
            this.#whyForAll(offer, recipient, transaction) ??
            this.#whyFullNow(first, recipient, transaction),
        )
      else if (accepts(recipient, score))
        find(
          'wrong',
          `would take it, and was told "${reply}"`,
          this.#whyRefused(offer, recipient, transaction, reply),
        )
    }
    if (!accepts(recipient, score))
      for (const copy of copies)
        find(
          'wrong',
          `refuses such mail, and has it (${copy.at})`,
          this.#whyLenient(offer, recipient, copy),
        )
    for (const { reply } of told) {
      const named = /<([^<>@ ]+@[^<>@ ]+)>/.exec(reply)?.[1]
      if (
        named !== undefined &&
        named !== recipient &&
        !told.some(({ transaction }) => isShared(transaction, reply))
      )
        find('wrong', `was told what is another's: "${reply}"`)
    }
    return found
  }

  /** Rule 2: no 5yz after the text where somebody was deferred. */
  #rule2({ letter }: Offer): Finding[] {
    return this.transactionsOf(letter).flatMap((transaction): Finding[] => {
      const final = transaction.text.at(-1) ?? ''
      const [deferred] = transaction.rcpts.find(([, reply]) => digit(reply) === 4) ?? []
      if (digit(final) !== 5 || deferred === undefined) return []
      return [
        {
          fault: 'wrong',
          letter,
          recipient: deferred,
          what: `was deferred, and the text was answered "${final}"`,
        },
      ]
    })
  }

  /**
   * Where the record explains that somebody who has the message is given it, or an answer, once
   * more.
   */
  #whyAgain(letter: string, recipient: string, copy: Copy, until: number): string | undefined {
    for (const carrier of this.#carriers(letter, recipient, copy)) {
      const why = this.#whyUnheard(carrier, copy, until)
      if (why !== undefined) return why
    }
    return this.#answerLost(letter, recipient, copy, until)
  }

  /**
   * Why the answer to the transaction in which the copy came did not reach the sender, or was
   * forgotten.
   */
  #whyUnheard(carrier: Transaction, copy: Copy, until: number): string | undefined {
    const over = carrier.to
    const slack = this.#slack(copy.came, over)
    const fatal = (target: Blow['target']): ((blow: Blow) => boolean) => {
      return (blow) => blow.target === target && (blow.how === 'SIGKILL' || blow.how === 'SIGTERM')
    }
    const ofFront = (blow: Blow): boolean => blow.front === carrier.front
    if (copy.said === undefined) {
      const gone = this.#blowIn(copy.came - 50, copy.at + slack, (blow) => fatal('behind')(blow))
      if (gone !== undefined) return 'the server behind was killed before its 250 had left'
    }
    const said = copy.said ?? copy.at
    const killed = this.#blowIn(
      copy.came - 50,
      said + slack,
      (blow) => ofFront(blow) && (fatal('primary')(blow) || fatal('worker')(blow)),
    )
    if (killed !== undefined && carrier.end !== 'heard')
      return `${killed.target} killed after the server behind had the text and before its 250 was passed on`
    const ending = this.#blowIn(
      copy.came - 3000,
      said + slack,
      (blow) => ofFront(blow) && fatal('primary')(blow),
    )
    // Workers whose primary was killed end their sessions as at a stop.
    if (ending !== undefined && carrier.end !== 'heard')
      return 'it was broken off at the end of timeouts.shutdown'
    const stopped = this.#wasStopped(carrier.front, copy.came - 50, said + slack)
    if (stopped && carrier.end === 'closed by Rcptwise')
      if (
        this.#blowIn(copy.came, over + slack, (blow) => ofFront(blow) && blow.how === 'SIGKILL') !==
        undefined
      )
        return 'the process was stopped after the server behind had it, and killed before it went on'
    if (carrier.left !== undefined && carrier.left.at >= said - slack)
      return `the sender went (${carrier.left.how}) when the answer was there`
    if (carrier.left !== undefined && stopped)
      return 'the process was stopped while the sender went'
    if (carrier.end === 'nothing more was said') return 'the sender waited in vain'
    if (this.#ledgerWasAway(carrier.from, until)) return 'the ledger was away'
    return undefined
  }

  /**
   * A later attempt in which they were acknowledged. The acknowledgement reached the sender's
   * machine before the sender closed its socket, and so it counts as heard; otherwise it is
   * repeated.
   */
  #answerLost(letter: string, recipient: string, copy: Copy, until: number): string | undefined {
    const known = copy.said ?? copy.at
    const gone = this.transactionsOf(letter).find(
      ({ left, rcpts, dot }) =>
        dot !== undefined &&
        left?.how === 'FIN' &&
        left.at >= known &&
        left.at < until &&
        rcpts.some(([to]) => to === recipient),
    )
    return gone === undefined
      ? undefined
      : 'the sender went (FIN) when the answer of a later attempt was there'
  }

  /**
   * The transactions in which it may have come, the last first: with this recipient, a dot before,
   * and no answer heard before.
   */
  #carriers(letter: string, recipient: string, copy: Taken): readonly Transaction[] {
    return this.transactionsOf(letter)
      .filter(
        ({ dot, rcpts }) =>
          dot !== undefined && dot <= copy.came + 5 && rcpts.some(([to]) => to === recipient),
      )
      .filter(({ end, to }) => end !== 'heard' || to >= copy.came)
      .toReversed()
  }

  #whyRefused(
    offer: Offer,
    recipient: string,
    transaction: Transaction,
    reply: string,
  ): string | undefined {
    const theirs = this.#refusals.filter(({ code, to }) => code >= 500 && to.includes(recipient))
    const here = theirs.find(
      ({ step, at, letter }) =>
        at >= transaction.from - 50 &&
        at <= transaction.to + 50 &&
        (step === 'RCPT' || letter === offer.letter),
    )
    // A refusal that could not be told at once (rule 2), in its words or in those for all who refuse.
    const refusal =
      here ??
      theirs.find(({ letter, at }) => letter === offer.letter && at <= transaction.to) ??
      this.#refusedUntold(offer, recipient, transaction, theirs)
    const theirWords = ofTheServerBehind(reply) || reply.includes('each for a reason of their own')
    if (refusal === undefined || (refusal === here && !theirWords)) return undefined
    const when = refusal === here ? refusal.step : `${refusal.step} of an attempt before`
    if (refusal.why !== 'spam') return `the server behind refused it (${when}, ${refusal.why})`
    const shared = this.#shares(offer, transaction, refusal.at)
    return shared === undefined ? undefined : `the server behind refused it for all: ${shared}`
  }

  /** At RCPT of an attempt before, of whom it was told only after the text. */
  #refusedUntold(
    offer: Offer,
    recipient: string,
    transaction: Transaction,
    theirs: readonly Refused[],
  ): Refused | undefined {
    const before = this.transactionsOf(offer.letter).filter(
      ({ from, rcpts }) =>
        from < transaction.from &&
        rcpts.some(([to, reply]) => to === recipient && digit(reply) === 2),
    )
    return theirs.find(
      ({ step, at }) =>
        step === 'RCPT' && before.some(({ from, to }) => at >= from - 50 && at <= to + 50),
    )
  }

  /**
   * Who has it is shown to the server behind again, whose mailbox of theirs is full by now
   * (docs/known-limits.md).
   */
  #whyFullNow(copy: Copy, recipient: string, transaction: Transaction): string | undefined {
    const full = this.#refusals.some(
      ({ step, why, code, to, at }) =>
        step === 'RCPT' &&
        why === 'full' &&
        code >= 500 &&
        to.includes(recipient) &&
        at >= transaction.from - 50 &&
        at <= transaction.to + 50,
    )
    return full && copy.at < transaction.from
      ? 'the mailbox was full when the sender came again'
      : undefined
  }

  /**
   * Who may not be split hears one answer, which names those whom the server behind has refused,
   * now or in an attempt before, and nobody else (docs/decisions/0009 and 0036).
   */
  #whyForAll(offer: Offer, recipient: string, transaction: Transaction): string | undefined {
    const [final = ''] = transaction.text
    const [, whom] = /\(only for (.+?); the other recipients have the message\)/.exec(final) ?? []
    const named = whom?.split(', ').map((one) => one.slice(1, -1)) ?? []
    const begun = this.transactionsOf(offer.letter)[0]?.from ?? transaction.from
    // At RCPT it was perhaps concealed until the text, and the server behind does not know the
    // letter.
    const isOfIt = ({ letter, step, code, at }: Refused): boolean =>
      step === 'dot' ? letter === offer.letter : code >= 500 && at >= begun - 50
    const wasRefused = (one: string): boolean =>
      this.#refusals.some(
        (refused) => isOfIt(refused) && refused.at <= transaction.to && refused.to.includes(one),
      )
    if (named.length === 0 || named.includes(recipient) || !named.every(wasRefused))
      return undefined
    const shared = this.#shares(offer, transaction, transaction.to)
    return shared === undefined
      ? undefined
      : `one answer for all, with the words for whom: ${shared}`
  }

  #whyLenient(offer: Offer, recipient: string, copy: Taken): string | undefined {
    return this.#carriers(offer.letter, recipient, copy)
      .map((carrier) => this.#shares(offer, carrier, copy.at))
      .find((why) => why !== undefined)
  }

  /** Why recipients who differ shared an answer in this transaction: its strategy, or rule 5. */
  #shares(offer: Offer, transaction: Transaction, at: number): string | undefined {
    const strategies = this.#inForce(transaction.from, at)
    const sharing = ['lenient', 'off', 'bounce', 'auto'].find((strategy) =>
      strategies.has(strategy),
    )
    if (sharing !== undefined) return `strategy ${sharing}`
    const before = this.transactionsOf(offer.letter).filter(({ from }) => from < transaction.from)
    const idle = before.filter((one) => !this.#taughtSomething(one))
    if (idle.some((one) => waitsAtRcpt(one) && madeNoProgress(one)))
      return 'rule 5: an attempt without progress'
    const byText = idle.filter((one) => !waitsAtRcpt(one) && isKnownByText(one))
    if (byText.slice(recognisedReturns).some((one) => madeNoProgress(one)))
      return 'rule 5: too many returns known by their text alone'
    if (before.filter((one) => makesSomebodyWait(one)).length >= 16)
      return 'rule 7: too many forced retries'
    return this.#otherThatSpoke(offer, transaction)
  }

  /** The server behind took or refused it for somebody meanwhile. */
  #taughtSomething({ letter, from, to, dot, end }: Transaction): boolean {
    if (dot === undefined) return false
    const until = end === 'heard' ? to : to + this.#slack(from, to)
    const during = (at: number): boolean => at >= dot - 5 && at <= until
    const refused = this.#refusals.some((one) => one.letter === letter && during(one.at))
    return refused || (this.#copies.get(letter) ?? []).some(({ at }) => during(at))
  }

  /**
   * Rule 5 for a sender that never shows the text: another message of the same sender, told alike,
   * that was still without an answer and made no progress, and of which this may have been the
   * return for all that was told before the text.
   */
  #otherThatSpoke(offer: Offer, transaction: Transaction): string | undefined {
    const { from } = transaction
    const offered = peopleIn(transaction)
    const spoke = this.offers.some((other) => {
      if (other.letter === offer.letter || other.reversePath !== offer.reversePath) return false
      if (sizeTold(other) !== sizeTold(offer)) return false
      const before = this.transactionsOf(other.letter).filter((one) => one.from < from)
      const idle = before.filter((one) => waitsAtRcpt(one) && madeNoProgress(one))
      const stuck = idle.filter((one) => !this.#taughtSomething(one))
      const over = before.filter(({ to }) => to < from)
      if (stuck.length === 0 || isAnswered(other, over)) return false
      if (before.some(({ dot }) => dot !== undefined))
        return offered.every((one) => other.to.includes(one))
      const muchTried = stuck.length > 1 && stuck.some((one) => comeFirst(peopleIn(one), offered))
      return muchTried || stuck.some((one) => startsWith(offered, peopleIn(one)))
    })
    return spoke
      ? 'rule 5: this may have been the return of another message that made no progress'
      : undefined
  }

  /** Every strategy that may have been in force at some moment between the two. */
  #inForce(from: number, to: number): ReadonlySet<string> {
    const possible = new Set<string>()
    const spans = [
      { strategy: this.#firstStrategy, begins: 0 },
      ...this.#switches.map(({ strategy, at }) => ({ strategy, begins: at })),
    ]
    spans.forEach(({ strategy, begins }, i) => {
      // It may last until a later order was certainly carried out.
      const later = this.#switches.slice(i).find((next) => next.to !== undefined)
      const ends = (later?.to ?? Infinity) + strategyMs + this.#slack(from, to)
      if (begins <= to && ends >= from) possible.add(strategy)
    })
    return possible
  }

  #slack(from: number, to: number): number {
    const around = this.#lags.filter(
      ({ at, ms }) => at >= from - slackMs && at - ms <= to + slackMs,
    )
    return slackMs + slackPerLag * Math.max(0, ...around.map(({ ms }) => ms))
  }

  #blowIn(from: number, to: number, which: (blow: Blow) => boolean): Blow | undefined {
    return this.#blows.find((blow) => blow.at >= from && blow.at <= to && which(blow))
  }

  /** A process of the front-end stood still at some moment between the two. */
  #wasStopped(front: number, from: number, to: number): boolean {
    return this.#blows.some((blow, i) => {
      if (blow.front !== front || blow.how !== 'SIGSTOP' || blow.at > to) return false
      const goesOn = this.#blows
        .slice(i)
        .find(({ pid, how }) => pid === blow.pid && how === 'SIGCONT')
      return (goesOn?.at ?? Infinity) >= from
    })
  }

  #ledgerWasAway(from: number, to: number): boolean {
    return this.#blows.some((blow, i) => {
      if (
        blow.target !== 'redis' ||
        (blow.how !== 'SIGKILL' && blow.how !== 'SIGSTOP') ||
        blow.at > to
      )
        return false
      const back = this.#blows.slice(i + 1).find(({ target }) => target === 'redis')
      return (back?.at ?? Infinity) + reconnectMs >= from
    })
  }

  /**
   * Messages that everybody takes, and of which somebody was told to come again by a strategy that
   * splits only what divides its recipients: they were taken for the return of another message.
   */
  heldByGuess(): readonly string[] {
    const splitting = new Set(['late', 'auto', 'lenient', 'off', 'bounce'])
    return this.offers
      .filter(({ to, score }) => to.every((recipient) => accepts(recipient, score)))
      .filter(({ letter }) =>
        this.transactionsOf(letter).some(
          ({ rcpts, from, to }) =>
            rcpts.some(([, reply]) => isOurDeferral(reply)) &&
            this.#inForce(from, to).isSubsetOf(splitting) &&
            !this.#ledgerWasAway(from, to),
        ),
      )
      .map(({ letter }) => letter)
  }

  /**
   * `open`: who was never let go by a sender that comes again until it is answered; `splits`: what
   * the ledger says is open at the end.
   */
  undone(open: ReadonlyMap<string, readonly string[]>, splits: readonly OpenSplit[]): Finding[] {
    const waiting = [...open].flatMap(([letter, recipients]) =>
      recipients.map((recipient): Finding => ({
        fault: 'undone',
        letter,
        recipient,
        what: `was never answered: ${this.transactionsOf(letter).length} transactions, the last: ${lastTold(this.transactionsOf(letter), recipient)}`,
      })),
    )
    return [...waiting, ...splits.flatMap((split) => this.#leftOpen(split))]
  }

  /** Counted as doubled, explained or not. */
  #hasItTwice(letter: string, recipient: string): boolean {
    const copies = this.#copies.get(letter) ?? []
    return copies.filter(({ to }) => to.includes(recipient)).length > 1
  }

  #leftOpen({ from, messageId, recipients }: OpenSplit): Finding[] {
    const id = messageId === undefined ? undefined : /^<?(.*?)@/.exec(messageId)?.[1]
    const offer = this.offers.find(
      ({ letter, reversePath }) => letter === id && reversePath === from,
    )
    // Nobody knows whose it is: the sender left before its text was known, or the message has no
    // name.
    if (offer === undefined) return []
    const transactions = this.transactionsOf(offer.letter)
    return recipients.flatMap((recipient): Finding[] => {
      const last =
        transactions.flatMap(({ told }) => told.filter(([to]) => to === recipient)).at(-1)?.[1] ??
        ''
      if (digit(last) !== 2 && digit(last) !== 5) return []
      const begun = transactions[0]?.from ?? 0
      const away = this.#ledgerWasAway(begun, transactions.at(-1)?.to ?? begun)
      return [
        {
          fault: 'undone',
          letter: offer.letter,
          recipient,
          what: `was told "${last}", and a split still waits for them`,
          ...(away
            ? { because: 'the ledger was away' }
            : this.#hasItTwice(offer.letter, recipient)
              ? { because: 'of its two copies one was never acknowledged' }
              : this.#killedBeforeItWentOn(transactions, recipient)
                ? {
                    because:
                      'killed after it had acknowledged them and before the sender said more',
                  }
                : this.#killedBeforeItsEnd(transactions, recipient) && {
                    because:
                      'killed after it had refused them at RCPT, before the attempt was over',
                  }),
        },
      ]
    })
  }

  /** Of who was acknowledged from the ledger it is kept until the sender says more. */
  #killedBeforeItWentOn(transactions: readonly Transaction[], recipient: string): boolean {
    const last = transactions.findLast(({ told }) => told.some(([whom]) => whom === recipient))
    if (last?.dot === undefined || !last.text.some((one) => one.includes('not delivered again')))
      return false
    const until = last.to + this.#slack(last.dot, last.to)
    return this.#blowIn(last.dot, until, endsFront(last)) !== undefined
  }

  /** Who was refused at RCPT is written down when the attempt ends, which the sender has left. */
  #killedBeforeItsEnd(transactions: readonly Transaction[], recipient: string): boolean {
    const last = transactions.findLast(({ told }) => told.some(([whom]) => whom === recipient))
    const atRcpt = last?.rcpts.some(([to, reply]) => to === recipient && digit(reply) === 5)
    if (last === undefined || atRcpt !== true || last.end === 'heard') return false
    const until = last.to + deliveryMs + this.#slack(last.from, last.to)
    return this.#blowIn(last.from, until, endsFront(last)) !== undefined
  }
}
