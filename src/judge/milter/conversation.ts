/**
 * One message with one filter: which events it is told, and what its answers mean. Pure; who has
 * the socket says what this gives and lets it hear what comes.
 *
 *   offer ─▶ agreed ─▶ connect, helo, mail, rcpt…, data, header…, eoh, body…, end ─▶ over
 *                      (each only if the filter wants it, and until an answer ends it)
 */
import type { JudgedEnvelope, JudgedRecipient } from '../judge.ts'
import type { Opinion } from '../../verdict/judgement.ts'
import { events, type EventName, leadingSpace } from './events.ts'
import { macrosOf } from './macros.ts'
import { type Agreed, type Answer, type Change, macroData, readReply } from './replies.ts'
import { encodeFrame, type Frame, type Unreadable } from './wire.ts'

/** One event on its way to the filter. */
export interface Told {
  readonly event: EventName
  readonly data: Buffer
  /** Of `rcpt`. */
  readonly recipient?: JudgedRecipient
}

/** What comes next: another answer, another event, or nothing more. */
export type Next = 'hear' | 'tell' | 'over' | Unreadable

export interface Outcome {
  /** What it says for all who have no result of their own. */
  readonly opinion?: Opinion
  /** By index in the transaction. */
  readonly own: ReadonlyMap<number, Opinion>
  readonly changes: readonly Change[]
}

/** Where it has no words of its own: what Postfix and sendmail say then. */
const rejected: Opinion = {
  verdict: 'reject',
  reply: { code: 550, detail: '7.1', lines: ['Command rejected'] },
}
const putOff: Opinion = {
  verdict: 'defer',
  reply: { code: 451, detail: '7.1', lines: ['Service unavailable - try again later'] },
}

export class Conversation {
  readonly #envelope: JudgedEnvelope
  readonly #software: string
  readonly #agreed: Agreed
  readonly #skipped = new Set<EventName>()
  readonly #own = new Map<number, Opinion>()
  readonly #changes: Change[] = []
  #told: Told | undefined
  #opinion: Opinion | undefined

  constructor(envelope: JudgedEnvelope, agreed: Agreed, software: string) {
    this.#envelope = envelope
    this.#agreed = agreed
    this.#software = software
  }

  get keepsLeadingSpace(): boolean {
    return this.#has(leadingSpace)
  }

  #has(bit: number): boolean {
    return (this.#agreed.protocol & bit) !== 0
  }

  wants(event: EventName): boolean {
    const { unwanted, since } = events[event]
    return !this.#has(unwanted) && this.#agreed.version >= since && !this.#skipped.has(event)
  }

  /** The octets of an event, its macros before it. */
  tell(told: Told): Buffer {
    this.#told = told
    const { code, macros } = events[told.event]
    const event = encodeFrame(code, told.data)
    if (macros === undefined) return event
    const { recipient } = told
    const values = macrosOf(
      this.#envelope,
      {
        stage: macros,
        software: this.#software,
        ...(recipient === undefined ? {} : { recipient: recipient.address }),
      },
      this.#agreed.macros.get(macros),
    )
    return Buffer.concat([encodeFrame('D', Buffer.from(code), macroData(values)), event])
  }

  /** Whether the filter answers what it was just told. */
  get awaitsAnswer(): boolean {
    return this.#told !== undefined && !this.#has(events[this.#told.event].unanswered)
  }

  hear(frame: Frame): Next {
    const said = readReply(frame)
    if ('failed' in said) return said
    if ('say' in said) return this.#answered(said)
    if (this.#told?.event !== 'end')
      return { failed: 'it changes a message whose end it has not seen' }
    this.#changes.push(said)
    return 'hear'
  }

  #answered(answer: Answer): Next {
    const event = this.#told?.event ?? 'connect'
    switch (answer.say) {
      case 'progress':
        return 'hear'
      case 'continue':
        return event === 'end' ? 'over' : 'tell'
      case 'accept':
        return 'over'
      case 'skip':
        if (event === 'end') return { failed: 'it answers the end of a message with SKIP' }
        this.#skipped.add(event)
        return 'tell'
      case 'discard':
        if (event === 'connect' || event === 'helo')
          return { failed: 'it answers a client, and no message, with DISCARD' }
        return this.#forAll({ verdict: 'discard' })
      case 'hang up':
        return this.#forAll(putOff)
      case 'reject':
        return this.#refused(rejected)
      case 'tempfail':
        return this.#refused(putOff)
      case 'reply': {
        const { reply } = answer
        return this.#refused({ verdict: reply.code < 500 ? 'defer' : 'reject', reply })
      }
    }
  }

  #forAll(opinion: Opinion): Next {
    this.#opinion = opinion
    return 'over'
  }

  /** At RCPT it is about that recipient alone; where all are refused there is nobody left. */
  #refused(opinion: Opinion): Next {
    const recipient = this.#told?.recipient
    if (recipient === undefined) return this.#forAll(opinion)
    this.#own.set(recipient.index, opinion)
    return this.#own.size === this.#envelope.recipients.length ? 'over' : 'tell'
  }

  get outcome(): Outcome {
    return {
      ...(this.#opinion === undefined ? {} : { opinion: this.#opinion }),
      own: this.#own,
      changes: this.#changes,
    }
  }

  /** What ends it in peace: nothing of a message that is let go of, and no further one. */
  get farewell(): Buffer {
    const message = this.#told === undefined || beforeMessage.has(this.#told.event)
    return message ? encodeFrame('Q') : Buffer.concat([encodeFrame('A'), encodeFrame('Q')])
  }
}

const beforeMessage: ReadonlySet<EventName> = new Set(['connect', 'helo'])
