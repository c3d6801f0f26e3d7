/**
 * Makes messages of what lines tell: a queue id holds together what the server has written, and a
 * scanner's line is joined by the queue id or by the Message-ID. Lines have to come in the order of
 * their time. What is kept is bounded: what is longest open goes first.
 */
import { known } from '../known.ts'
import type { Answer, Client, Judged, PastMessage, Score, Sighting } from './sighting.ts'

/** Messages of which something is still awaited. */
export const mostOpen = 50_000
/** Scores without a message yet, by Message-ID. */
export const mostScores = 50_000
/** How long a complete message waits for its score, by the time of the log. */
export const scoreWithinMs = 60_000
/** Recipients of one message that are kept: a server takes no more in one transaction. */
const mostRecipients = 10_000

interface Open {
  at: number
  client?: Client
  sender?: string
  sizeBytes?: number
  count?: number
  readonly recipients: Set<string>
  readonly messageIds: string[]
  answer: Answer
  score?: Score
  /** What the scanner knows of the envelope. */
  judged?: Judged
  /** The server's own log has told of it. */
  served: boolean
  state: 'open' | 'complete' | 'told'
}

export interface JoinCounts {
  /** Begun in the log, and its end is not there. */
  unfinished: number
}

export class Join {
  readonly counts: JoinCounts = { unfinished: 0 }
  readonly #tell: (message: PastMessage) => void
  readonly #open = new Map<string, Open>()
  readonly #scores = new Map<string, { readonly at: number; readonly judged: Judged }>()
  /** Complete, and without a score yet; the oldest first. */
  readonly #waiting: { readonly until: number; readonly id: string; readonly open: Open }[] = []
  #waited = 0

  constructor(tell: (message: PastMessage) => void) {
    this.#tell = tell
  }

  take(at: number, sighting: Sighting): void {
    this.#expire(at)
    switch (sighting.kind) {
      case 'whole':
        return this.#tell(sighting.message)
      case 'judged':
        return this.#judged(at, sighting)
      // Retries are looked at elsewhere.
      case 'put off':
        return
      case 'client':
        return this.#begun(at, sighting.id, { client: sighting.client })
      case 'envelope':
        return this.#enveloped(at, sighting)
      default:
        return this.#goesOn(at, sighting)
    }
  }

  /** No line comes any more. */
  end(): void {
    for (const [id, open] of this.#open) this.#drop(id, open)
    for (const { at, judged } of this.#scores.values()) this.#alone(at, judged)
    this.#scores.clear()
  }

  #begun(at: number, id: string, told: Partial<Open>): void {
    const before = this.#open.get(id)
    // Short queue ids come again: it is another message.
    const open = before === undefined || before.state === 'told' ? this.#new(at, id) : before
    Object.assign(open, told, { served: true })
  }

  #new(at: number, id: string): Open {
    this.#open.delete(id)
    if (this.#open.size >= mostOpen) {
      for (const [oldest, open] of this.#open) {
        this.#drop(oldest, open)
        break
      }
    }
    const open: Open = {
      at,
      recipients: new Set(),
      messageIds: [],
      answer: 'taken',
      served: false,
      state: 'open',
    }
    this.#open.set(id, open)
    return open
  }

  #enveloped(
    at: number,
    { id, sender, sizeBytes, ...told }: Extract<Sighting, { kind: 'envelope' }>,
  ): void {
    const { count, client, messageId, recipients = [] } = told
    const before = this.#open.get(id)
    // The queue manager tells it again at each retry.
    if (before?.state === 'told' && before.sender === sender) return
    this.#begun(at, id, { sender, sizeBytes, ...known({ count, client }) })
    const open = this.#open.get(id)
    if (open === undefined) return
    if (messageId !== undefined) open.messageIds.push(messageId)
    for (const address of recipients) open.recipients.add(address)
    this.#completeIfAll(id, open, at)
  }

  /** Of a message that has begun in the log. */
  #goesOn(
    at: number,
    sighting: Extract<Sighting, { kind: 'message id' | 'recipient' | 'done' | 'not taken' }>,
  ): void {
    const { id } = sighting
    const open = this.#open.get(id)
    if (open === undefined) {
      // Exim begins and ends such a message with one line.
      if (sighting.kind !== 'not taken') return
      this.#begun(at, id, known({ client: sighting.client }))
      return this.#goesOn(at, sighting)
    }
    switch (sighting.kind) {
      case 'message id':
        open.messageIds.push(sighting.messageId)
        return
      case 'recipient':
        if (open.state === 'told' || open.recipients.size >= mostRecipients) return
        open.recipients.add(sighting.address)
        return this.#completeIfAll(id, open, at)
      case 'done':
        if (open.state === 'told') this.#open.delete(id)
        else this.#complete(id, open, at)
        return
      case 'not taken': {
        const { answer, sender, recipient, client, score } = sighting
        Object.assign(open, { answer, served: true }, known({ sender, client, score }))
        if (recipient !== undefined) open.recipients.add(recipient)
        return this.#complete(id, open, at)
      }
    }
  }

  #completeIfAll(id: string, open: Open, at: number): void {
    if (open.count !== undefined && open.recipients.size >= open.count) this.#complete(id, open, at)
  }

  #complete(id: string, open: Open, at: number): void {
    if (open.state !== 'open') return
    open.state = 'complete'
    if (open.judged !== undefined || open.score !== undefined) return this.#told(open)
    if (this.#byMessageId(open)) return this.#told(open)
    this.#waiting.push({ until: at + scoreWithinMs, id, open })
  }

  #byMessageId(open: Open): boolean {
    for (const messageId of open.messageIds) {
      const found = this.#scores.get(messageId)
      if (found === undefined) continue
      this.#scores.delete(messageId)
      open.judged = found.judged
      return true
    }
    return false
  }

  #judged(at: number, judged: Judged): void {
    const { queueId, messageId } = judged
    if (queueId !== undefined) {
      const open = this.#open.get(queueId) ?? this.#new(at, queueId)
      // Too late: it has been told without.
      if (open.state === 'told') return
      open.judged = judged
      if (open.state === 'complete') this.#told(open)
      // Nobody else may tell of it.
      else if (!open.served) this.#waiting.push({ until: at + scoreWithinMs, id: queueId, open })
      return
    }
    if (messageId === undefined) return this.#alone(at, judged)
    if (this.#scores.size >= mostScores) {
      for (const [oldest, score] of this.#scores) {
        this.#scores.delete(oldest)
        this.#alone(score.at, score.judged)
        break
      }
    }
    this.#scores.delete(messageId)
    this.#scores.set(messageId, { at, judged })
  }

  /** Waits no longer than it should. */
  #expire(at: number): void {
    let next = this.#waiting[this.#waited]
    while (next !== undefined && next.until < at) {
      this.#waited++
      const { open, id } = next
      if (open.state === 'complete') {
        this.#byMessageId(open)
        this.#told(open)
      } else if (open.state === 'open' && !open.served) this.#drop(id, open)
      next = this.#waiting[this.#waited]
    }
    // What was waited for is let go of now and then.
    if (this.#waited > 1000 && this.#waited * 2 > this.#waiting.length) {
      this.#waiting.splice(0, this.#waited)
      this.#waited = 0
    }
  }

  /** It is not followed any more. */
  #drop(id: string, open: Open): void {
    this.#open.delete(id)
    if (open.state === 'complete') {
      this.#byMessageId(open)
      this.#told(open)
    } else if (open.state === 'open') {
      open.state = 'told'
      if (!open.served && open.judged !== undefined) this.#alone(open.at, open.judged)
      else this.counts.unfinished++
    }
  }

  #told(open: Open): void {
    open.state = 'told'
    const { judged, client, sender, recipients, sizeBytes, answer } = open
    const whole = judged?.recipients?.whole === true ? judged.recipients.known : undefined
    const score = judged?.score ?? open.score
    // A text that was not taken shows the server's log one recipient, or none.
    const mayBeMore = answer !== 'taken' && whole === undefined
    const told = mayBeMore
      ? [...new Set([...recipients, ...(judged?.recipients?.known ?? [])])]
      : undefined
    this.#tell({
      at: open.at,
      ...known({ client: client ?? (open.served ? undefined : judged?.client) }),
      sender: sender ?? judged?.sender ?? '',
      recipients: whole ?? told ?? [...recipients],
      ...(mayBeMore && { more: true }),
      sizeBytes: sizeBytes ?? judged?.sizeBytes ?? 0,
      scores: score === undefined ? [] : [score],
      answer,
    })
    recipients.clear()
    open.messageIds.length = 0
    delete open.judged
  }

  /** A scanner has told of it, and no server. */
  #alone(at: number, { score, client, sender, recipients, sizeBytes }: Judged): void {
    this.#tell({
      at,
      ...known({ client }),
      sender: sender ?? '',
      recipients: recipients?.known ?? [],
      ...(recipients?.whole !== true && { more: true }),
      sizeBytes: sizeBytes ?? 0,
      scores: [score],
      answer:
        score.forced === 'defer' ? 'deferred' : score.forced === 'reject' ? 'refused' : 'taken',
    })
  }
}
