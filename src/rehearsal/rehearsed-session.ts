/**
 * One connection of a rehearsal: the machine that serves clients, between a client that is played
 * and a world that is told (world.ts). Nothing is done of what the machine wants done; it is told
 * what would have come of it.
 */
import type { Fact } from '../facts/fact.ts'
import type { TransactionFact } from '../facts/transaction.ts'
import type { JudgedEnvelope } from '../judge/judge.ts'
import type { Effect, Event, ParcelOrder, ParcelReply } from '../session/effects.ts'
import type { Oracle } from '../session/oracle.ts'
import { takeReady } from '../session/reply-slots.ts'
import { newSession, type Session, takesCommands } from '../session/session.ts'
import { step } from '../session/step.ts'
import { toOctets } from '../smtp/octets.ts'
import { ReplyParser } from '../smtp/reply-parser.ts'
import type { Reply } from '../smtp/reply.ts'
import { noFindings } from '../verdict/judgement.ts'
import type { OpenSplits } from './open-splits.ts'
import type { Letter, World } from './world.ts'

/** Nobody has asked the server behind; these are in its place. */
export const assumed = {
  mail: { code: 250, detail: '1.0', lines: ['Ok'] },
  rcpt: { code: 250, detail: '1.5', lines: ['Ok'] },
  text: { code: 250, detail: '0.0', lines: ['Ok: your server takes it'] },
} as const satisfies Record<string, Reply>

export class RehearsedSession {
  readonly facts: Fact[] = []
  /** What the server behind would have been given. */
  readonly delivered: Pick<ParcelOrder, 'recipients' | 'result'>[] = []
  readonly #world: World
  readonly #splits: OpenSplits
  readonly #session: Session
  readonly #at: number
  readonly #parser = new ReplyParser()
  /** Of the text under way. */
  #judged: JudgedEnvelope | undefined
  #unread: string[] = []
  readonly #events: Event[] = []
  /** What is not known at once. */
  readonly #awaited: Promise<Event>[] = []
  #running = false
  #ids = 0

  constructor(
    world: World,
    { id, at, splits }: { readonly id: string; readonly at: number; readonly splits: OpenSplits },
  ) {
    this.#world = world
    this.#splits = splits
    this.#at = at
    this.#session = newSession({
      id,
      options: world.session,
      client: world.client,
      peerName: '',
      oracle: this.#oracle(id),
      at,
      secured: false,
    })
    this.#tell({ kind: 'connected', at, earlyTalker: false })
    this.#takeReplies()
  }

  #oracle(id: string): Oracle {
    return {
      serve: (peer) => this.#world.serve(peer),
      newId: () => `${id}.split${++this.#ids}`,
      roomFor: () => true,
      backendExtensions: () => this.#world.extensions,
      xclientFrom: () => false,
      takes: () => undefined,
      // What a message would get that begins a split is the question.
      draining: () => false,
      unread: () => this.#unread.length > 0,
      // The end of the text tells it.
      identify: () => undefined,
    }
  }

  /** The client says these in one go; the replies that it hears. */
  say(...lines: readonly string[]): readonly Reply[] {
    this.#unread = [...lines]
    while (takesCommands(this.#session)) {
      const text = this.#unread.shift()
      this.#tell(
        text === undefined
          ? { kind: 'batchEnded', at: this.#at }
          : { kind: 'line', at: this.#at, text },
      )
      if (text === undefined) break
    }
    return this.#takeReplies()
  }

  /** The whole text, after 354. */
  async text({ sizeBytes, fault, identity }: Letter): Promise<readonly Reply[]> {
    const at = this.#at
    const findings =
      fault !== undefined || this.#judged === undefined
        ? noFindings
        : this.#world.findingsFor(this.#judged)
    const text = { sizeBytes, endedAt: at, findings, ...identity, ...(fault && { fault }) }
    this.#tell({ kind: 'textEnded', at, text })
    for (let next = this.#awaited.shift(); next !== undefined; next = this.#awaited.shift())
      this.#tell(await next)
    return this.#takeReplies()
  }

  /** What judges would be told of the text under way. */
  get judged(): JudgedEnvelope | undefined {
    return this.#judged
  }

  /** The last transaction that has ended. */
  get ended(): TransactionFact | undefined {
    return this.facts.findLast((fact) => fact.kind === 'transactionEnded')
  }

  #takeReplies(): readonly Reply[] {
    const replies = this.#parser.push(toOctets(takeReady(this.#session.slots)))
    if (this.#session.unheard !== undefined) this.#tell({ kind: 'heard', at: this.#at })
    return replies
  }

  #tell(event: Event): void {
    this.#events.push(event)
    if (this.#running) return
    this.#running = true
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      step(this.#session, next)
      const { effects } = this.#session
      this.#session.effects = []
      for (const effect of effects) this.#pretend(effect)
    }
    this.#running = false
  }

  /** Tells what would come of it. */
  #pretend(effect: Effect): void {
    const at = this.#at
    switch (effect.do) {
      case 'begin':
        return this.#tell({ kind: 'mailReplied', at, reply: assumed.mail })
      case 'offer':
        return this.#offer(effect)
      case 'receiveText':
        this.#judged = effect.judged
        return
      case 'deliver':
        return this.#deliver(effect)
      case 'awaitDeliveries': {
        const split = this.#splits.find(effect.split)
        const found = split === undefined ? {} : { split }
        return this.#tell({ kind: 'deliveriesSettled', at, settled: true, ...found })
      }
      case 'vouch':
        this.#awaited.push(
          this.#world.vouch(effect).then((vouched) => ({ kind: 'vouched', at, vouched })),
        )
        return
      case 'prepareBounce':
        this.#awaited.push(
          this.#world
            .prepareBounce(effect)
            .then((prepared) => ({ kind: 'bouncePrepared', at, prepared })),
        )
        return
      case 'report':
        return this.#tell({ kind: 'reported', at, reply: assumed.text })
      case 'save':
        return this.#splits.save(effect.split)
      case 'note':
        this.facts.push(effect.fact)
        return
      case 'abandon':
      case 'close':
      // A client that is played says none of what leads here.
      case 'receiveChunk':
      case 'dropText':
      case 'observe':
      case 'secure':
      case 'authenticate':
      case 'endAuth':
        return
    }
  }

  #offer({ index, address, key, sender }: Extract<Effect, { do: 'offer' }>): void {
    const at = this.#at
    const policy = this.#world.policyOf(address)
    const splits = this.#splits.recall(sender, key)
    this.#tell({ kind: 'recipientKnown', at, index, policy, splits })
    this.#tell({ kind: 'recipientReplied', at, index, reply: assumed.rcpt })
  }

  #deliver({ parcels }: Extract<Effect, { do: 'deliver' }>): void {
    const at = this.#at
    this.delivered.push(...parcels)
    const results = parcels.map((): ParcelReply => ({ reply: assumed.text, own: new Map(), ms: 0 }))
    for (const [parcel, result] of results.entries())
      this.#tell({ kind: 'parcelDelivered', at, parcel, result })
    this.#tell({ kind: 'delivered', at, results })
  }
}
