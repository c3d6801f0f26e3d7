/** The mail of the run: who offers what and when, and comes again until everybody is answered. */
import { hash } from 'node:crypto'
import type { Entry } from '../chaos/journal.ts'
import { attempt, type Letter, openOf } from '../chaos/senders.ts'
import type { Random } from '../support/random.ts'
import type { FrontEnd } from './front-end.ts'
import { textOf } from './letter-text.ts'
import { comesAgain, type Population, type Sender, type Shares } from './population.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** Which front-end a connection is led to: any, or always the same one for a client's address. */
export type Balance = 'any' | 'by client'

export interface MailOptions {
  readonly clock: VirtualClock
  readonly random: Random
  readonly population: Population
  readonly shares: Shares
  readonly frontEnds: readonly FrontEnd[]
  readonly balance: Balance
  /** Messages a second. */
  readonly rate: number
  readonly untilMs: number
  readonly note: (entry: Entry) => void
}

/** Attempts in a hundred that end by the sender's going away. */
const leavingPercent = 0.3
const leaving = {
  'before DATA': 1,
  'in the text': 1,
  'while the server thinks': 2,
  'before reading the reply': 2,
} as const
/** A sender gives up then. */
const mostAttempts = 40
const patienceMs = 5 * 86_400_000
/** A balancer that looks every few seconds does not always know that a front-end is gone. */
const unseenPercent = 10
/** Before the next MX is tried, ms. */
const nextMx = [50, 800] as const

export class Mail {
  readonly letters: Letter[] = []
  attempts = 0
  /** Connections to a front-end that was not there. */
  refused = 0
  /** Messages that somebody still sends. */
  underWay = 0
  readonly #options: MailOptions

  constructor(options: MailOptions) {
    this.#options = options
  }

  /** Nobody sends a new message any more. */
  get isCalm(): boolean {
    return this.#options.clock.now() >= this.#options.untilMs
  }

  get isOver(): boolean {
    return this.isCalm && this.underWay === 0
  }

  begin(): void {
    const { clock, random, rate } = this.#options
    const next = (): void => {
      if (this.isCalm) return
      const sender = this.#options.population.sender(random)
      void this.#send(sender, this.#letter(sender))
      clock.after((-Math.log(1 - random.next()) * 1000) / rate, next)
    }
    clock.after(0, next)
  }

  #letter(sender: Sender): Letter {
    const { random, population, shares, clock, note } = this.#options
    const count = Number(random.weighted(shares.recipients))
    const to = population.recipients(random, count)
    const score = Number(random.weighted(shares.scores))
    const id = `L${this.letters.length + 1}`
    const reversePath = `u${random.between(1, 20)}@${random.pick(sender.domains)}`
    const text = textOf({ id, reversePath, score, filler: random.between(0, 400) })
    const letter: Letter = {
      ...{ id, kind: sender.kind, reversePath, to, score, text, attempts: 0 },
      fates: new Map(to.map((address) => [address, 'open'])),
    }
    this.letters.push(letter)
    note({
      what: 'letter',
      at: clock.now(),
      letter: id,
      sender: sender.kind,
      ...{ reversePath, to, score },
      octets: text.length,
    })
    return letter
  }

  async #send(sender: Sender, letter: Letter): Promise<void> {
    const { clock, random } = this.#options
    this.underWay++
    const begun = clock.now()
    for (let n = 1; ; n++) {
      const front = await this.#attempt(sender, letter)
      if (sender.nextAtOnce && openOf(letter).length > 0) {
        await clock.sleep(random.between(...nextMx))
        await this.#attempt(sender, letter, front)
      }
      const wait = comesAgain(sender) ? sender.retryAfterMs(n) : undefined
      if (openOf(letter).length === 0 || wait === undefined) break
      if (n >= mostAttempts || wait > patienceMs) break
      await clock.sleep(begun + wait - clock.now())
    }
    this.underWay--
  }

  /** The front-end that it was made at. */
  async #attempt(sender: Sender, letter: Letter, before?: number): Promise<number> {
    const { clock, random, note } = this.#options
    const host = random.pick(sender.hosts)
    const frontEnd = this.#choose(host.address, before)
    const client = { ...host, port: random.between(1024, 65_535) }
    this.attempts++
    await attempt({
      letter,
      front: frontEnd.number,
      connect: async () => {
        const line = await frontEnd.connect(client, sender.wayMs)
        if (line === undefined) this.refused++
        return line
      },
      clock,
      random,
      leaving: this.#leaving(),
      note,
    })
    return frontEnd.number
  }

  /** A balancer in front of all, or of those that another MX name leads to. */
  #choose(address: string, before: number | undefined): FrontEnd {
    const { frontEnds, random, balance } = this.#options
    if (balance === 'by client') {
      const its = frontEnds[hash('sha1', address, 'buffer').readUInt32BE(0) % frontEnds.length]
      if (its !== undefined) return its
    }
    const isSeen = ({ listens }: FrontEnd): boolean => listens || random.chance(unseenPercent / 100)
    const others = frontEnds.filter((one) => one.number !== before && isSeen(one))
    return random.pick(others.length === 0 ? frontEnds : others)
  }

  #leaving(): { when: keyof typeof leaving; how: 'FIN' | 'RST' } | undefined {
    const { random } = this.#options
    if (!random.chance(leavingPercent / 100)) return undefined
    return { when: random.weighted(leaving), how: random.pick(['FIN', 'RST']) }
  }
}
