/**
 * The envelope, shown to a server as it comes, and what the server answers to it. As long as
 * nothing was answered, and when the connection was lost or given to others while the client took
 * its time, it is shown anew, on another connection. Each question of the session is answered once.
 */
import { describeReply, isPositive, type Reply } from '../../smtp/reply.ts'
import { replies } from '../../smtp/replies.ts'
import type { EnvelopeListener } from '../backend.ts'
import type { EndpointState } from '../endpoints/endpoint-state.ts'
import type { Lent } from '../pool/lending.ts'
import { isFailed, type ReplyOrFailed } from '../wire/command-reply.ts'
import { argumentFor } from '../wire/needs.ts'
import { heed } from './heed.ts'
import type { LineAtHand, LineOptions } from './line-at-hand.ts'
import { mailLine, secondOpinion } from './lines.ts'

/**
 * With each that is turned away at MAIL the limit that is learned of a server is nearer to its own.
 */
const turnedAwayAtMost = 5

interface OfferedRecipient {
  readonly index: number
  readonly argument: string
  /** What the session was told; it is told once. */
  answer?: 'taken' | 'refused'
}

export class ShownEnvelope {
  readonly #options: LineOptions
  readonly #line: LineAtHand
  readonly #listener: EnvelopeListener
  /**
   * What was said or is to be said: all of it is shown again on another connection. `shown` without
   * a connection at hand: that was lost, or given to others, and the envelope is shown anew when
   * the client goes on. `waiting`: for a first recipient. `failed`: whatever comes is refused.
   */
  #state: 'waiting' | 'borrowing' | 'shown' | 'failed' = 'waiting'
  #mail = ''
  #mailAnswered = false
  /** Whatever its server then says to RCPT is about that. */
  #mailRefused = false
  readonly #rcpts: OfferedRecipient[] = []
  /** Something was answered on the connection at hand. */
  #answeredAny = false
  /** Where it was lost before anything was answered. */
  #tried: Set<EndpointState> | undefined
  /** How often a server had no room for one more. */
  #turnedAway = 0

  constructor(options: LineOptions, line: LineAtHand, listener: EnvelopeListener) {
    this.#options = options
    this.#line = line
    this.#listener = listener
  }

  /** `withRcpt`: it is not said before there is a recipient, which saves the server a turn. */
  mail(argument: string, withRcpt: boolean): void {
    this.#mail = argument
    if (!withRcpt) this.#borrow(false)
  }

  rcpt(index: number, argument: string): void {
    if (this.#state === 'failed' || this.#mailRefused)
      return this.#listener.recipientReplied(index, replies.backendUnavailable)
    const rcpt: OfferedRecipient = { index, argument }
    this.#rcpts.push(rcpt)
    const line = this.#line
    // Lost while nothing was asked on it, as when a server under load ends a session that is idle
    // for some seconds.
    if (line.lent?.connection.alive === false && line.open === 'shown') line.lose()
    if (line.lent !== undefined) return this.#sendRcpt(line.lent, rcpt)
    if (this.#state === 'borrowing') return
    this.#answeredAny = false
    this.#borrow(false)
  }

  /** `otherwise`: what was said already, for a client that can't be served by another server. */
  #borrow(fresh: boolean, otherwise?: Reply): void {
    this.#state = 'borrowing'
    this.#line.borrow({ fresh, not: this.#tried }, (lent) => {
      if (isFailed(lent)) this.#fail(lent.refusal ?? otherwise)
      else this.#show(lent)
    })
  }

  #show(lent: Lent): void {
    const line = this.#line
    const mail = mailLine(lent, this.#mail, line.formAt(lent))
    if (typeof mail !== 'string') {
      line.giveBackUnused(lent)
      return this.#fail(mail)
    }
    this.#state = 'shown'
    line.begin(lent, 'shown')
    line.offerToOthers()
    lent.connection.command(mail, (reply) => this.#onMailReply(lent, reply))
    for (const rcpt of this.#rcpts) if (rcpt.answer !== 'refused') this.#sendRcpt(lent, rcpt)
  }

  /** A reply to something that was said on another connection than that at hand is of no use. */
  #isStale(lent: Lent): boolean {
    return this.#line.isOver() || lent !== this.#line.lent
  }

  #onMailReply(lent: Lent, reply: ReplyOrFailed): void {
    if (this.#isStale(lent)) return
    if (!this.#answeredAny && (isFailed(reply) || reply.code === 421))
      return this.#askAnother(lent, reply)
    this.#answeredAny = true
    this.#line.touch()
    this.#mailRefused = isFailed(reply) || !isPositive(reply)
    if (isFailed(reply)) {
      this.#line.lostAt(lent, 'mail', reply.failed)
      return this.#fail()
    }
    const answered = { step: 'mail', argument: this.#mail } as const
    if (!this.#mailAnswered) {
      this.#mailAnswered = true
      return this.#listener.mailReplied(heed(this.#options, lent, answered, reply))
    }
    if (isPositive(reply)) return
    // Shown for the second time, and not taken: what was pipelined behind it has no MAIL.
    this.#fail(secondOpinion(heed(this.#options, lent, answered, reply)))
    this.#line.reset(lent)
  }

  /**
   * Nothing was answered, so nobody notices when it is asked anew: on a fresh connection where a
   * kept one may have been closed by the backend while nobody looked, else at a server that was not
   * tried yet.
   */
  #askAnother(lent: Lent, reply: ReplyOrFailed): void {
    this.#line.lose()
    this.#state = 'borrowing'
    if (!lent.reused && !isFailed(reply)) return void this.#askWhereRoomIs(lent, reply)
    lent.connection.destroy('stale')
    if (!lent.reused) this.#tried = new Set(this.#tried).add(lent.endpoint)
    if (!lent.reused && isFailed(reply)) this.#line.lostAt(lent, 'mail', reply.failed)
    this.#borrow(true, isFailed(reply) ? undefined : reply)
  }

  /**
   * A server that says so and answers on other connections is waited for, a few times; then another
   * one is asked.
   */
  async #askWhereRoomIs(lent: Lent, reply: Reply): Promise<void> {
    const answers = await this.#options.pool.turnedAway(lent, `MAIL: ${describeReply(reply)}`)
    if (this.#line.isOver()) return
    if (!answers || ++this.#turnedAway > turnedAwayAtMost)
      this.#tried = new Set(this.#tried).add(lent.endpoint)
    this.#borrow(true, reply)
  }

  #sendRcpt(lent: Lent, rcpt: OfferedRecipient): void {
    const known = argumentFor(rcpt.argument, lent.connection.extensions)
    // An answer of our own is given where the server's would have come: in turn.
    const line = typeof known === 'string' ? `RCPT TO:${known}` : 'NOOP'
    lent.connection.command(line, (replied) => {
      if (this.#isStale(lent)) return
      this.#answeredAny = true
      this.#line.touch()
      const reply = typeof known === 'string' ? this.#rcptReply(lent, known, replied) : known
      if (rcpt.answer === undefined) return this.#answerRcpt(rcpt, reply)
      // Taken when it was shown first, and not now: this envelope is not what the session knows of
      // (rule 1).
      if (!isPositive(reply)) this.#line.open = 'anew'
    })
  }

  #rcptReply(lent: Lent, argument: string, reply: ReplyOrFailed): Reply {
    if (isFailed(reply)) return this.#line.lostAt(lent, 'rcpt', reply.failed)
    return this.#mailRefused ? reply : heed(this.#options, lent, { step: 'rcpt', argument }, reply)
  }

  #answerRcpt(rcpt: OfferedRecipient, reply: Reply): void {
    rcpt.answer = isPositive(reply) ? 'taken' : 'refused'
    this.#listener.recipientReplied(rcpt.index, reply)
  }

  /** No connection to be had, or lost at MAIL: everyone hears that the backend does not answer. */
  #fail(refusal: Reply = replies.backendUnavailable): void {
    if (this.#line.isOver()) return
    this.#state = 'failed'
    this.#line.lose()
    if (!this.#mailAnswered) {
      this.#mailAnswered = true
      return this.#listener.mailReplied(refusal)
    }
    for (const rcpt of this.#rcpts)
      if (rcpt.answer === undefined) this.#answerRcpt(rcpt, secondOpinion(refusal))
  }
}
