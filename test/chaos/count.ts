/**
 * What a run's record says of each recipient of each message: lost, there twice, answered wrongly,
 * never answered. Nothing but the record is looked at, and what it explains is told with its
 * reason; what is left is a finding. Pure.
 */
import {
  digit,
  endsFront,
  isOurDeferral,
  isShared,
  lastTold,
  ofTheServerBehind,
} from './attempts.ts'
import { type Copy, Evidence } from './evidence.ts'
import type { Away, Blow, Entry, Offer, Refused, Taken, Transaction } from './journal.ts'
import { known } from '../../src/known.ts'
import { accepts as peopleAccept } from './people.ts'
import { Sharing } from './sharing.ts'

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

/** The server behind had the text, and did not take it for somebody. */
const isRefusalOf = (letter: string, { step, code, ...refused }: Refused): boolean =>
  step === 'dot' && code >= 500 && refused.letter === letter

/** What was saved so shortly before the ledger went away may be lost with it. */
const lastSavesMs = 700

/** A server behind that takes its time needs no more than this for a text. */
const deliveryMs = 3000

export class Record {
  readonly #evidence: Evidence
  readonly #sharing: Sharing
  readonly #accepts: typeof peopleAccept

  /** `accepts`: whether this recipient takes a message of this score. */
  constructor(entries: readonly Entry[], firstStrategy: string, accepts = peopleAccept) {
    this.#accepts = accepts
    this.#evidence = new Evidence(entries, firstStrategy)
    this.#sharing = new Sharing(this.#evidence)
  }

  findings(): Finding[] {
    const fallen = this.#evidence.falls.map(({ front, process, why }): Finding => ({
      fault: 'fell',
      letter: '',
      recipient: '',
      what: `front-end ${front}, ${process}: ${why}`,
    }))
    return [
      ...fallen,
      ...this.#evidence.offers.flatMap((offer) => [
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
    const transactions = this.#evidence.transactionsOf(letter)
    const copies = this.#evidence.copiesFor(letter, recipient)
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
      else if (this.#accepts(recipient, score))
        find(
          'wrong',
          `would take it, and was told "${reply}"`,
          this.#whyRefused(offer, recipient, transaction, reply),
        )
    }
    if (!this.#accepts(recipient, score))
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
    return this.#evidence.transactionsOf(letter).flatMap((transaction): Finding[] => {
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
    const slack = this.#evidence.slack(copy.came, over)
    const fatal = (target: Blow['target']): ((blow: Blow) => boolean) => {
      return (blow) => blow.target === target && (blow.how === 'SIGKILL' || blow.how === 'SIGTERM')
    }
    const ofFront = (blow: Blow): boolean => blow.front === carrier.front
    if (copy.said === undefined) {
      const gone = this.#evidence.blowIn(copy.came - 50, copy.at + slack, (blow) =>
        fatal('behind')(blow),
      )
      if (gone !== undefined) return 'the server behind was killed before its 250 had left'
    }
    const said = copy.said ?? copy.at
    // The sender's connection was open until then, so that no answer had been passed on before.
    const until250 =
      carrier.end === 'closed by Rcptwise' ? Math.max(said + slack, over) : said + slack
    const killed = this.#evidence.blowIn(
      copy.came - 50,
      until250,
      (blow) => ofFront(blow) && (fatal('primary')(blow) || fatal('worker')(blow)),
    )
    if (killed !== undefined && carrier.end !== 'heard')
      return `${killed.target} killed after the server behind had the text and before its 250 was passed on`
    const ending = this.#evidence.blowIn(
      Math.min(copy.came - 3000, carrier.from),
      said + slack,
      (blow) => ofFront(blow) && fatal('primary')(blow),
    )
    // Workers whose primary was killed end their sessions as at a stop.
    if (ending !== undefined && carrier.end !== 'heard')
      return 'it was broken off at the end of timeouts.shutdown'
    const stopped = this.#evidence.wasStopped(carrier.front, copy.came - 50, said + slack)
    if (stopped && carrier.end === 'closed by Rcptwise')
      if (
        this.#evidence.blowIn(
          copy.came,
          over + slack,
          (blow) => ofFront(blow) && blow.how === 'SIGKILL',
        ) !== undefined
      )
        return 'the process was stopped after the server behind had it, and killed before it went on'
    if (carrier.left !== undefined && carrier.left.at >= said - slack)
      return `the sender went (${carrier.left.how}) when the answer was there`
    if (carrier.left !== undefined && stopped)
      return 'the process was stopped while the sender went'
    if (carrier.end === 'nothing more was said') return 'the sender waited in vain'
    const all = this.#evidence.transactionsOf(carrier.letter)
    if (this.#evidence.ledgerWasAway(carrier.from, until, all)) return 'the ledger was away'
    return undefined
  }

  /**
   * A later attempt in which they were acknowledged. The acknowledgement reached the sender's
   * machine before the sender closed its socket, and so it counts as heard; otherwise it is
   * repeated. Who leaves by RST has not heard it, unless the front-end had ended by then.
   */
  #answerLost(letter: string, recipient: string, copy: Copy, until: number): string | undefined {
    const known = copy.said ?? copy.at
    const gone = this.#evidence.transactionsOf(letter).find(
      (one) =>
        one.dot !== undefined &&
        one.left !== undefined &&
        one.left.at >= known &&
        one.left.at < until &&
        (one.left.how === 'FIN' ||
          // Its workers end their sessions then, as at a stop.
          this.#evidence.blowIn(
            one.dot,
            one.left.at,
            (blow) => endsFront(one)(blow) && blow.target === 'primary',
          ) !== undefined) &&
        one.rcpts.some(([to]) => to === recipient),
    )
    return gone?.left === undefined
      ? undefined
      : `the sender went (${gone.left.how}) when the answer of a later attempt was there`
  }

  /**
   * The transactions in which it may have come, the last first: with this recipient, a dot before,
   * and no answer heard before.
   */
  #carriers(letter: string, recipient: string, copy: Taken): readonly Transaction[] {
    return this.#evidence
      .transactionsOf(letter)
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
    const theirs = this.#evidence.refusals.filter(
      ({ code, to }) => code >= 500 && to.includes(recipient),
    )
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
    // It is kept, whatever strategy is in force when it is told.
    const then = this.#evidence
      .transactionsOf(offer.letter)
      .find(({ from, to }) => refusal.at >= from - 50 && refusal.at <= to + 50)
    const shared =
      (then && this.#sharing.why(offer, then, refusal.at)) ??
      this.#sharing.why(offer, transaction, refusal.at)
    return shared === undefined ? undefined : `the server behind refused it for all: ${shared}`
  }

  /** At RCPT of an attempt before, of whom it was told only after the text. */
  #refusedUntold(
    offer: Offer,
    recipient: string,
    transaction: Transaction,
    theirs: readonly Refused[],
  ): Refused | undefined {
    const before = this.#evidence
      .transactionsOf(offer.letter)
      .filter(
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
    const full = this.#evidence.refusals.some(
      ({ step, why, code, to, at }) =>
        step === 'RCPT' &&
        why === 'full' &&
        code >= 500 &&
        to.includes(recipient) &&
        at >= transaction.from - 50 &&
        at <= transaction.to + 50,
    )
    // The server behind may still be at it.
    return full && copy.came < transaction.from
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
    const begun = this.#evidence.transactionsOf(offer.letter)[0]?.from ?? transaction.from
    // At RCPT it was perhaps concealed until the text, and the server behind does not know the
    // letter.
    const isOfIt = ({ letter, step, code, at }: Refused): boolean =>
      step === 'dot' ? letter === offer.letter : code >= 500 && at >= begun - 50
    const wasRefused = (one: string): boolean =>
      this.#evidence.refusals.some(
        (refused) => isOfIt(refused) && refused.at <= transaction.to && refused.to.includes(one),
      )
    if (named.length === 0 || named.includes(recipient) || !named.every(wasRefused))
      return undefined
    const shared = this.#sharing.why(offer, transaction, transaction.to)
    return shared === undefined
      ? undefined
      : `one answer for all, with the words for whom: ${shared}`
  }

  #whyLenient(offer: Offer, recipient: string, copy: Taken): string | undefined {
    return this.#carriers(offer.letter, recipient, copy)
      .map((carrier) => this.#sharing.why(offer, carrier, copy.at))
      .find((why) => why !== undefined)
  }

  /** How often a front-end could not use its ledger, though nothing was done to that. */
  awayByItself(): readonly Away[] {
    return this.#evidence.awayByItself()
  }

  /**
   * Messages that everybody takes, and of which somebody was told to come again by a strategy that
   * splits only what divides its recipients: they were taken for the return of another message.
   */
  heldByGuess(): readonly string[] {
    const splitting = new Set(['late', 'auto', 'lenient', 'off', 'bounce'])
    return this.#evidence.offers
      .filter(({ to, score }) => to.every((recipient) => this.#accepts(recipient, score)))
      .filter(({ letter }) => !this.#evidence.refusals.some((one) => isRefusalOf(letter, one)))
      .filter(({ letter }) =>
        this.#evidence
          .transactionsOf(letter)
          .some(
            ({ rcpts, from, to }) =>
              rcpts.some(([, reply]) => isOurDeferral(reply)) &&
              this.#evidence.inForce(from, to).isSubsetOf(splitting) &&
              !this.#evidence.ledgerWasAway(from, to, this.#evidence.transactionsOf(letter)),
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
        what: `was never answered: ${this.#evidence.transactionsOf(letter).length} transactions, the last: ${lastTold(this.#evidence.transactionsOf(letter), recipient)}`,
      })),
    )
    return [...waiting, ...splits.flatMap((split) => this.#leftOpen(split))]
  }

  /** Counted as doubled, explained or not. */
  #hasItTwice(letter: string, recipient: string): boolean {
    const copies = this.#evidence.copiesOf(letter)
    return copies.filter(({ to }) => to.includes(recipient)).length > 1
  }

  #leftOpen({ from, messageId, recipients }: OpenSplit): Finding[] {
    const id = messageId === undefined ? undefined : /^<?(.*?)@/.exec(messageId)?.[1]
    const offer = this.#evidence.offers.find(
      ({ letter, reversePath }) => letter === id && reversePath === from,
    )
    // Nobody knows whose it is: the sender left before its text was known, or the message has no
    // name.
    if (offer === undefined) return []
    const transactions = this.#evidence.transactionsOf(offer.letter)
    return recipients.flatMap((recipient): Finding[] => {
      const last =
        transactions.flatMap(({ told }) => told.filter(([to]) => to === recipient)).at(-1)?.[1] ??
        ''
      if (digit(last) !== 2 && digit(last) !== 5) return []
      const begun = transactions[0]?.from ?? 0
      const over = transactions.at(-1)?.to ?? begun
      const away = this.#evidence.ledgerWasAway(begun, over + lastSavesMs, transactions)
      return [
        {
          fault: 'undone',
          letter: offer.letter,
          recipient,
          what: `was told "${last}", and a split still waits for them`,
          ...known({ because: away ? 'the ledger was away' : this.#whyOpen(offer, recipient) }),
        },
      ]
    })
  }

  #whyOpen({ letter }: Offer, recipient: string): string | undefined {
    const transactions = this.#evidence.transactionsOf(letter)
    if (this.#hasItTwice(letter, recipient)) return 'of its two copies one was never acknowledged'
    if (this.#killedBeforeItWentOn(transactions, recipient))
      return 'killed after it had acknowledged them and before the sender said more'
    if (this.#killedBeforeItsEnd(transactions, recipient))
      return 'killed after it had refused them at RCPT, before the attempt was over'
    // A refusal at RCPT says nothing of what the text would have told them.
    const last = transactions.findLast(({ told }) => told.some(([whom]) => whom === recipient))
    const [copy] = this.#evidence.copiesFor(letter, recipient)
    const refusedNow = last?.rcpts.some(([to, reply]) => to === recipient && digit(reply) === 5)
    return last === undefined || copy === undefined || refusedNow !== true
      ? undefined
      : this.#whyFullNow(copy, recipient, last)
  }

  /** Of who was acknowledged from the ledger it is kept until the sender says more. */
  #killedBeforeItWentOn(transactions: readonly Transaction[], recipient: string): boolean {
    const last = transactions.findLast(({ told }) => told.some(([whom]) => whom === recipient))
    if (last?.dot === undefined || !last.text.some((one) => one.includes('not delivered again')))
      return false
    const until = last.to + this.#evidence.slack(last.dot, last.to)
    return this.#evidence.blowIn(last.dot, until, endsFront(last)) !== undefined
  }

  /** Who was refused at RCPT is written down when the attempt ends, which the sender has left. */
  #killedBeforeItsEnd(transactions: readonly Transaction[], recipient: string): boolean {
    const last = transactions.findLast(({ told }) => told.some(([whom]) => whom === recipient))
    const atRcpt = last?.rcpts.some(([to, reply]) => to === recipient && digit(reply) === 5)
    if (last === undefined || atRcpt !== true || last.end === 'heard') return false
    const until = last.to + deliveryMs + this.#evidence.slack(last.from, last.to)
    return this.#evidence.blowIn(last.from, until, endsFront(last)) !== undefined
  }
}
