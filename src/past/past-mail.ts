/**
 * A site's past mail, message by message: whose policies count, what each recipient would have been
 * told, and what that costs with each strategy.
 */
import { parsePath, type Path } from '../smtp/path.ts'
import { known } from '../known.ts'
import type { Client, PastMessage, Score, Sighting } from '../maillog/sighting.ts'
import type { Policies } from '../policy/policy-source.ts'
import type { PeerFacts, ServedAs } from '../session/oracle.ts'
import { matchesDomain } from '../strategy/relay-domains.ts'
import type { Policy } from '../verdict/policy.ts'
import {
  type Decided,
  decide,
  findingsOf,
  type Question,
  type Recipient,
  type Scorer,
} from './decided.ts'
import { type Cost, playAll, type Stage } from './play.ts'
import { PastAuto } from './past-auto.ts'
import { removeOldest, SeenReturns } from './returns.ts'
import { type SenderTimes, timesAsSeen, timesOfProvider } from './sender-model.ts'
import { SenderNames } from './sender-names.ts'
import { shapeOf } from './shape.ts'
import { Tally } from './tally.ts'

export interface PastMailOptions extends Stage {
  readonly policies: Policies
  readonly serve: (peer: PeerFacts) => ServedAs
  /** Whose score thresholds are about. */
  readonly scorer?: Scorer
  /** Others' recipients are not the site's; absent: all are. */
  readonly relayDomains?: readonly string[]
  /** Of senders that nothing else tells of. */
  readonly usualTimes: SenderTimes
  /** How long nobody is offered again before it is a loss that `auto` learns from. */
  readonly missingAfterMs: number
}

/** Why messages are left out of the costs. */
export interface LeftOut {
  /** No scanner's line belongs to it. */
  unscored: number
  /** From the site's own hosts, or of clients that have authenticated: never split. */
  own: number
  /** A scanner wanted it later, and it came again. */
  putOff: number
  /** No line tells a recipient, or none of the site's. */
  nobody: number
  /** Its client was answered per recipient. */
  prdr: number
  /** To more recipients than are played (`mostPlayed`). */
  crowded: number
}

export interface PastCounts {
  messages: number
  counted: number
  recipients: number
  /** The site's own server has refused them, for all recipients. */
  refusedThen: number
  /** Some of their recipients stand in no line. */
  recipientsUnknown: number
  /** Their policy could not be looked up, and they are left out. */
  policiesFailed: number
  readonly leftOut: LeftOut
}

/** Messages whose recipients are asked for in one question. */
const messagesAtOnce = 1000
/** Addresses whose policies are kept. */
export const mostAddresses = 100_000
/**
 * Recipients of a message that is played: what it costs to play grows with their square, and
 * senders name no more at once (Postfix 50, Exim 100 unless set).
 */
export const mostPlayed = 100
/** Courses that are kept. */
export const mostShapes = 20_000
/** Senders that are known to come back. */
const mostReturning = 50_000

interface Found {
  readonly path?: Path
  readonly policy?: Policy
}

export class PastMail {
  readonly counts: PastCounts = {
    messages: 0,
    counted: 0,
    recipients: 0,
    refusedThen: 0,
    recipientsUnknown: 0,
    policiesFailed: 0,
    leftOut: { unscored: 0, own: 0, putOff: 0, nobody: 0, prdr: 0, crowded: 0 },
  }
  readonly tally = new Tally()
  readonly #options: PastMailOptions
  readonly #returns = new SeenReturns()
  readonly #names = new SenderNames()
  readonly #found = new Map<string, Found>()
  readonly #costs = new Map<string, readonly Cost[]>()
  readonly #auto: PastAuto
  /** Of senders, with a bit for each strategy that has made them come back. */
  readonly #returning = new Map<string, number>()
  #batch: PastMessage[] = []

  constructor(options: PastMailOptions) {
    this.#options = options
    this.#auto = new PastAuto(options.missingAfterMs)
  }

  /** Somebody was put off at RCPT. */
  sawPutOff(
    at: number,
    { client, sender, recipient }: Extract<Sighting, { kind: 'put off' }>,
  ): void {
    this.#returns.putOff(this.#names.of(client), keyOf(client.address, sender, recipient), at)
  }

  add(message: PastMessage): void {
    this.counts.messages++
    this.#batch.push(message)
  }

  /** Works on what was added, when there is enough of it; `all`: in any case. */
  async work(all = false): Promise<void> {
    if (this.#batch.length < messagesAtOnce && !all) return
    const batch = this.#batch
    this.#batch = []
    for (let from = 0; from < batch.length; from += messagesAtOnce) {
      const some = batch.slice(from, from + messagesAtOnce)
      await this.#lookUp(some)
      for (const message of some) {
        const counting = this.#count(message)
        if (counting !== undefined) await counting
      }
    }
  }

  /** Policies of everyone who is not known yet. */
  async #lookUp(messages: readonly PastMessage[]): Promise<void> {
    const missing = new Map<string, Path>()
    for (const { recipients } of messages)
      for (const address of recipients) {
        if (this.#found.has(address) || missing.has(address)) continue
        const path = pathOf(address)
        if (path === undefined || path.mailbox === '' || !this.#isOurs(path))
          this.#keep(address, {})
        else missing.set(address, path)
      }
    if (missing.size === 0) return
    const addresses = [...missing.values()].map(({ address }) => address)
    const answers = await this.#options.policies.policiesFor(
      addresses,
      new AbortController().signal,
    )
    for (const [i, [address, path]] of [...missing].entries()) {
      const answer = answers[i]
      const policy = answer?.kind === 'found' ? answer.policy : answer?.instead
      this.#keep(address, { path, ...known({ policy }) })
    }
  }

  #isOurs({ domain }: Path): boolean {
    const { relayDomains } = this.#options
    return relayDomains?.some((pattern) => matchesDomain(domain, pattern)) !== false
  }

  #keep(address: string, found: Found): void {
    if (this.#found.size >= mostAddresses) removeOldest(this.#found)
    this.#found.set(address, found)
  }

  /** A promise only where something has to be played. */
  #count(message: PastMessage): Promise<void> | undefined {
    const { counts } = this
    const { client } = message
    const question = client === undefined ? 'own' : this.#questionOf(message, client)
    if (client !== undefined && message.answer === 'refused') counts.refusedThen++
    if (client === undefined || typeof question === 'string') {
      counts.leftOut[typeof question === 'string' ? question : 'own']++
      return undefined
    }
    if (message.more === true) counts.recipientsUnknown++
    counts.counted++
    counts.recipients += question.recipients.length
    return this.#cost(client, question)
  }

  /** Or why it is left out. */
  #questionOf(message: PastMessage, client: Client): Question | keyof LeftOut {
    const { at, sizeBytes, scores } = message
    if (client.own === true) return 'own'
    const later = message.answer === 'deferred' || scores.some(({ forced }) => forced === 'defer')
    this.#noteReturn(message, client, later)
    if (later) return 'putOff'
    if (!scores.some(saysSomething)) return 'unscored'
    if (message.prdr === true) return 'prdr'
    const recipients = this.#recipientsOf(message)
    const sender = pathOf(message.sender)
    if (recipients.length === 0 || sender === undefined) return 'nobody'
    if (recipients.length > mostPlayed) return 'crowded'
    const servedAs = this.#options.serve({
      address: client.address,
      helo: client.helo ?? '',
      senderDomain: sender.domain,
      ...known({ rdns: client.rdns }),
    })
    if (servedAs.trusted) return 'own'
    const findings = findingsOf(scores, this.#options.scorer)
    return { at, sender, recipients, sizeBytes, findings, servedAs }
  }

  #noteReturn({ at, sender, recipients }: PastMessage, client: Client, later: boolean): void {
    if (!later && this.#returns.awaitsNobody) return
    const [recipient = ''] = recipients
    const key = keyOf(client.address, sender, recipient)
    if (later) this.#returns.putOff(this.#names.of(client), key, at)
    else this.#returns.came(key, at)
  }

  #recipientsOf({ recipients }: PastMessage): readonly Recipient[] {
    const seen = new Set<string>()
    return recipients.flatMap((address): readonly Recipient[] => {
      const { path, policy } = this.#found.get(address) ?? {}
      if (path === undefined || seen.has(path.address)) return []
      seen.add(path.address)
      if (policy === undefined) this.counts.policiesFailed++
      return policy === undefined ? [] : [{ path, policy }]
    })
  }

  #cost(client: Client, question: Question): Promise<void> | undefined {
    const decided = decide(question)
    // Nobody can be split from themselves.
    const name = question.recipients.length === 1 ? '' : this.#names.of(client)
    const returning = this.#returning.get(name) ?? 0
    const shape = shapeOf(question, decided)
    const first = this.#costs.get(shape)
    // Who comes back is asked for where a refusal has to wait.
    const asks = returning !== 0 && decided.recipients.some(({ verdict }) => verdict === 'reject')
    const again = asks ? this.#costs.get(`${shape}|comes back`) : first
    if (first !== undefined && again !== undefined) {
      this.#sum(name, question.at, decided, chosen(first, again, returning))
      return undefined
    }
    return this.#play(question, decided, asks).then(([one, other]) => {
      this.#sum(name, question.at, decided, chosen(one, other, returning))
    })
  }

  async #play(
    question: Question,
    decided: Decided,
    asks: boolean,
  ): Promise<readonly [readonly Cost[], readonly Cost[]]> {
    const shape = shapeOf(question, decided)
    const played = async (key: string, comesBack: boolean): Promise<readonly Cost[]> => {
      const known = this.#costs.get(key)
      if (known !== undefined) return known
      const costs = await playAll(this.#options, question, decided, comesBack)
      if (this.#costs.size >= mostShapes) removeOldest(this.#costs)
      this.#costs.set(key, costs)
      return costs
    }
    const first = await played(shape, false)
    return [first, asks ? await played(`${shape}|comes back`, true) : first]
  }

  #timesOf(name: string): SenderTimes {
    const seconds = this.#returns.secondsOf(name)
    return seconds === undefined
      ? (timesOfProvider(name) ?? this.#options.usualTimes)
      : timesAsSeen(seconds)
  }

  #sum(sender: string, at: number, decided: Decided, costs: readonly Cost[]): void {
    const times = this.#timesOf(sender)
    const { divided, vouched } = decided
    const auto = this.#auto.serve({ sender, at, vouched, times, costs })
    this.tally.add({ sender, times, costs, divided, auto })
    const taught = costs.reduce((bits, { teaches }, i) => (teaches ? bits | (1 << i) : bits), 0)
    if (taught === 0 || times.retryAfter(1) === undefined) return
    if (!this.#returning.has(sender) && this.#returning.size >= mostReturning)
      removeOldest(this.#returning)
    this.#returning.set(sender, (this.#returning.get(sender) ?? 0) | taught)
  }
}

/** With each strategy as its sender is known there. */
const chosen = (
  first: readonly Cost[],
  again: readonly Cost[],
  returning: number,
): readonly Cost[] =>
  first.map((cost, i) => ((returning & (1 << i)) === 0 ? cost : (again[i] ?? cost)))

/** As a client would say it. */
function pathOf(address: string): Path | undefined {
  const parsed = parsePath(`<${address}>`)
  return parsed?.rest === '' ? parsed.path : undefined
}

const saysSomething = ({ score, forced }: Score): boolean =>
  score !== undefined || forced !== undefined

const keyOf = (address: string, sender: string, recipient: string): string =>
  `${address.slice(0, address.lastIndexOf(address.includes(':') ? ':' : '.'))} ${sender} ${recipient}`
