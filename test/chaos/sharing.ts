/**
 * Why recipients who differ shared one answer in a transaction of a chaos run: its strategy, or
 * rules 5 and 7. Pure.
 */
import {
  comeFirst,
  digit,
  isAnswered,
  isKnownByText,
  isUnread,
  madeNoProgress,
  makesSomebodyWait,
  peopleIn,
  sizeTold,
  startsWith,
  waitsAtRcpt,
} from './attempts.ts'
import type { Evidence } from './evidence.ts'
import type { Offer, Transaction } from './journal.ts'

/** So many returns that only the text told of are no sign of a sender that can't be split. */
const recognisedReturns = 3

export class Sharing {
  readonly #evidence: Evidence
  readonly #givenUp = new Map<Transaction, boolean>()

  constructor(evidence: Evidence) {
    this.#evidence = evidence
  }

  why(offer: Offer, transaction: Transaction, at: number): string | undefined {
    const strategies = this.#evidence.inForce(transaction.from, at)
    const sharing = ['lenient', 'off', 'bounce', 'auto'].find((strategy) =>
      strategies.has(strategy),
    )
    if (sharing !== undefined) return `strategy ${sharing}`
    const before = this.#earlier(offer.letter, transaction.from)
    if (before.some((one) => waitsAtRcpt(one) && this.#wasInVain(one)))
      return 'rule 5: an attempt without progress'
    const [, ...byText] = before.filter((one) => !waitsAtRcpt(one) && isKnownByText(one))
    if (
      byText.slice(recognisedReturns).some((one) => this.#wasInVain(one) || this.#mayHaveBeen(one))
    )
      return 'rule 5: too many returns known by their text alone'
    if (before.filter((one) => makesSomebodyWait(one) || isUnread(one)).length >= 16)
      return 'rule 7: too many forced retries'
    if (before.some((one) => this.#isUnsettled(one) && this.#wasGivenUp(offer, one)))
      return 'rule 5: an attempt before went through for another message that made no progress'
    return this.#otherThatSpoke(offer, transaction) ?? this.#takenForItsReturn(offer, transaction)
  }

  #wasInVain(one: Transaction): boolean {
    return !this.#taughtSomething(one) && madeNoProgress(one, this.#earlier(one.letter, one.from))
  }

  /** In vain: its sender did not hear the answer, and no server behind had one for anybody. */
  #mayHaveBeen(one: Transaction): boolean {
    return isUnread(one) && !this.#taughtSomething(one)
  }

  /** The server behind took or refused it for somebody meanwhile. */
  #taughtSomething({ letter, from, to, dot, end }: Transaction): boolean {
    if (dot === undefined) return false
    const until = end === 'heard' ? to : to + this.#evidence.slack(from, to)
    const during = (at: number): boolean => at >= dot - 5 && at <= until
    const refused = this.#evidence.refusals.some((one) => one.letter === letter && during(one.at))
    // A text that came behind the dot of the next attempt is the next attempt's.
    const next = this.#evidence.transactionsOf(letter).find((one) => (one.dot ?? 0) > dot)
    const isNexts = (came: number): boolean => came >= (next?.dot ?? Infinity)
    const copies = this.#evidence.copiesOf(letter)
    return refused || copies.some(({ at, came }) => during(at) && !isNexts(came))
  }

  /**
   * Rule 5 for a sender that never shows the text: another message of the same sender, told alike,
   * that was still without an answer and made no progress, and of which this may have been the
   * return for all that was told before the text.
   */
  #otherThatSpoke(offer: Offer, transaction: Transaction): string | undefined {
    return this.#others(offer).some((other) => this.#speaksFor(other, transaction))
      ? 'rule 5: this may have been the return of another message that made no progress'
      : undefined
  }

  #speaksFor(other: Offer, transaction: Transaction): boolean {
    const { from } = transaction
    const offered = peopleIn(transaction)
    const before = this.#earlier(other.letter, from)
    const over = before.filter(({ to }) => to < from)
    if (isAnswered(other, over)) return false
    const stuck = before.filter((one) => waitsAtRcpt(one) && this.#wasInVain(one))
    if (before.some(({ dot }) => dot !== undefined)) {
      const givenUp =
        stuck.length > 0 ||
        over.some((one) => this.#wasGivenUp(other, one)) ||
        this.#brokenOffAlike(other, transaction)
      return givenUp && offered.every((one) => other.to.includes(one))
    }
    const muchTried = stuck.length > 1 && stuck.some((one) => comeFirst(peopleIn(one), offered))
    return muchTried || stuck.some((one) => startsWith(offered, this.#leftOf(one, from)))
  }

  /** Whom it still waits for: who was refused at RCPT since then comes back in no message. */
  #leftOf(one: Transaction, until: number): readonly string[] {
    const refused = this.#evidence.refusals.filter(
      ({ step, code, at }) => step === 'RCPT' && code >= 500 && at > one.to && at < until,
    )
    return peopleIn(one).filter((each) => !refused.some(({ to }) => to.includes(each)))
  }

  /**
   * A third message, told alike, to people of the other one alone: its sender left at the first who
   * had to wait, and for all that was told it was the other one's return.
   */
  #brokenOffAlike(other: Offer, { from }: Transaction): boolean {
    const seen = this.#earlier(other.letter, from).find(({ dot }) => dot !== undefined)
    return this.#others(other).some(({ letter }) =>
      this.#earlier(letter, from).some(
        (one) =>
          one.from > (seen?.from ?? Infinity) &&
          one.dot === undefined &&
          waitsAtRcpt(one) &&
          peopleIn(one).every((each) => other.to.includes(each)),
      ),
    )
  }

  /**
   * It went through unsplit for the sake of one that was given up, whose text nobody had seen. Its
   * own text is that one's from then on, for all that Rcptwise can know (docs/decisions/0074).
   */
  #wasGivenUp(offer: Offer, one: Transaction): boolean {
    const known = this.#givenUp.get(one)
    if (known !== undefined) return known
    const wentThrough = one.dot !== undefined && peopleIn(one).length > 0 && !waitsAtRcpt(one)
    const givenUp = wentThrough && this.#otherThatSpoke(offer, one) !== undefined
    this.#givenUp.set(one, givenUp)
    return givenUp
  }

  /** The server behind has not said of everybody yet; one answer for all else would be for good. */
  #isUnsettled({ letter, rcpts, to: until }: Transaction): boolean {
    const refused = this.#evidence.refusals.filter(
      (one) => one.letter === letter && one.code >= 500,
    )
    const settled = [...refused, ...this.#evidence.copiesOf(letter)]
      .filter(({ at }) => at <= until)
      .flatMap(({ to }) => to)
    return rcpts.some(([to, reply]) => digit(reply) === 2 && !settled.includes(to))
  }

  #earlier(letter: string, than: number): readonly Transaction[] {
    return this.#evidence.transactionsOf(letter).filter(({ from }) => from < than)
  }

  /** Other messages that look the same before anybody is offered. */
  #others(offer: Offer): readonly Offer[] {
    return this.#evidence.offers.filter(
      (other) =>
        other.letter !== offer.letter &&
        other.reversePath === offer.reversePath &&
        sizeTold(other) === sizeTold(offer),
    )
  }

  /**
   * After a wrong guess the message ends by rule 5 (docs/rules.md): another one, told alike, to
   * people of this one alone, was taken for its return, and its sender left at the first who had to
   * wait. Only a message whose text was seen is guessed at.
   */
  #takenForItsReturn(offer: Offer, transaction: Transaction): string | undefined {
    const own = this.#evidence.transactionsOf(offer.letter)
    const seen = own.find(({ dot }) => dot !== undefined)
    if (seen === undefined) return undefined
    const isGuess = (one: Transaction): boolean => {
      if (one.from < seen.to || one.from >= transaction.from) return false
      const before = own.filter(({ to }) => to < one.from)
      if (one.dot !== undefined || !waitsAtRcpt(one) || !madeNoProgress(one, before)) return false
      return !isAnswered(offer, before) && peopleIn(one).every((each) => offer.to.includes(each))
    }
    return this.#others(offer).some(({ letter }) =>
      this.#evidence.transactionsOf(letter).some(isGuess),
    )
      ? 'rule 5: another message was taken for its return, and the sender left before its text'
      : undefined
  }
}
