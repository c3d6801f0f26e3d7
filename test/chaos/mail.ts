/**
 * What is sent: spam and clean mail of a few senders to the same people, clean mail also between
 * the attempts of the spam.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FrontEnd } from './front-end.ts'
import type { Journal } from './journal.ts'
import { people } from './people.ts'
import type { Random } from '../support/random.ts'
import {
  attempt,
  callers,
  isCaller,
  type Letter,
  openOf,
  queueing,
  type SenderKind,
} from './senders.ts'
import { Wire } from './wire.ts'

const scores = { '0': 50, '5.5': 8, '7': 8, '9': 24, '20': 10 } as const

/** Of 100 attempts so many end by the sender's going away. */
const leaving = {
  'before DATA': 2,
  'in the text': 2,
  'while the server thinks': 3,
  'before reading the reply': 3,
} as const
const leavingPercent = Object.values(leaving).reduce((sum, one) => sum + one, 0)

/** Longer than a sender waits that goes away while the server thinks. */
const holdMs = 1500

export interface MailOptions {
  readonly journal: Journal
  readonly random: Random
  readonly frontEnds: readonly { readonly frontEnd: FrontEnd; readonly port: number }[]
  /** First part of each message's name. */
  readonly round: string
}

/**
 * Attempts of one message after the trouble is over, before it counts as one that is never
 * answered.
 */
const enoughAttempts = 25

export class Mail {
  readonly letters: Letter[] = []
  readonly #options: MailOptions
  #calm = false
  #calmAttempts = new Map<Letter, number>()

  constructor(options: MailOptions) {
    this.#options = options
  }

  /**
   * Nobody begins a new message or goes away in the middle any more; those under way are brought to
   * their end.
   */
  calm(): void {
    this.#calm = true
  }

  // `#calm` changes while others wait.
  #isCalm(): boolean {
    return this.#calm
  }

  /** Each sender of the crowd has a queue of its own; ends when all queues are empty. */
  async run(crowd: number): Promise<void> {
    await Promise.all(Array.from({ length: crowd }, async (_, i) => await this.#sender(i)))
  }

  async #sender(number: number): Promise<void> {
    const { random } = this.#options
    const underWay: Promise<void>[] = []
    for (let i = 0; !this.#isCalm(); i++) {
      const kind = random.chance(0.15) ? random.pick(callers) : random.pick(queueing)
      const to = random.shuffled([...people.keys()]).slice(0, random.between(1, 5))
      const letter = this.#letter({
        name: `${number}-${i}`,
        number,
        kind,
        to,
        score: random.weighted(scores),
      })
      underWay.push(this.#deliver(letter, number))
      if (random.chance(0.4)) {
        await sleep(random.between(20, 600))
        const size = random.chance(0.5) ? letter.text.length : undefined
        const clean = {
          name: `${number}-${i}c`,
          number,
          kind,
          to,
          score: '0' as const,
          ...(size !== undefined && { size }),
        }
        underWay.push(this.#deliver(this.#letter(clean), number))
      }
      await sleep(random.between(300, 2500))
      // A queue of its own, not too long.
      if (underWay.length > 4) await Promise.race([underWay.at(-5), sleep(4000)])
    }
    await Promise.all(underWay)
  }

  #letter({ name, number, kind, to, score, size }: Wanted): Letter {
    const { random, journal, round } = this.#options
    const id = `${round}.${name}`
    const reversePath = `s${number}@client${number}.test`
    const fields = [
      `From: <${reversePath}>`,
      `Subject: ${id}`,
      random.chance(0.9) ? `Message-ID: <${id}@client${number}.test>` : undefined,
      random.chance(0.9) ? `Date: ${new Date().toUTCString()}` : undefined,
      `X-Chaos: ${id}`,
      `X-Spam-Score: ${score}`,
      // Most servers need no time; one that somebody leaves in the middle of its thoughts must have
      // some.
      random.chance(0.15) ? `X-Hold: ${holdMs}` : undefined,
    ].filter((field) => field !== undefined)
    const begun = `${fields.join('\r\n')}\r\n\r\nhello ${id}\r\n`
    const filler = Math.max(
      0,
      (size ?? begun.length + random.pick([0, 0, 100, 800])) - begun.length - 2,
    )
    const text = `${begun}${filler > 0 ? `${'x'.repeat(Math.min(filler, 900))}\r\n` : ''}`
    const letter: Letter = {
      id,
      kind,
      reversePath,
      to,
      score: Number(score),
      text,
      fates: new Map(to.map((address) => [address, 'open'])),
      attempts: 0,
    }
    this.letters.push(letter)
    journal.write({
      what: 'letter',
      at: Date.now(),
      letter: id,
      sender: kind,
      reversePath,
      to,
      score: Number(score),
      octets: text.length,
    })
    return letter
  }

  async #deliver(letter: Letter, number: number): Promise<void> {
    const { random, journal, frontEnds } = this.#options
    while (openOf(letter).length > 0) {
      const front = random.between(0, frontEnds.length - 1)
      const calm = this.#isCalm()
      const port = frontEnds[front]?.port ?? 0
      const localAddress = `127.0.${number + 1}.${random.between(1, 3)}`
      await attempt({
        letter,
        front,
        connect: async () => await Wire.open(port, localAddress),
        clock: { now: Date.now, sleep },
        random,
        leaving: calm ? undefined : this.#leaving(letter),
        note: (transaction) => journal.write(transaction),
      })
      if (isCaller(letter.kind)) return
      if (calm) {
        const attempts = (this.#calmAttempts.get(letter) ?? 0) + 1
        this.#calmAttempts.set(letter, attempts)
        if (attempts >= enoughAttempts) return
      }
      await sleep(random.between(100, 1500))
    }
  }

  #leaving({ text }: Letter): { when: keyof typeof leaving; how: 'FIN' | 'RST' } | undefined {
    const { random } = this.#options
    const slow = text.includes('\r\nX-Hold:')
    if (!random.chance(leavingPercent / (slow ? 30 : 100))) return undefined
    const when = random.weighted(leaving)
    // A server that answers at once can't be left while it thinks.
    if (when === 'while the server thinks' && !slow) return undefined
    return { when, how: random.pick(['FIN', 'RST']) }
  }
}

interface Wanted {
  readonly name: string
  readonly number: number
  readonly kind: SenderKind
  readonly to: readonly string[]
  readonly score: keyof typeof scores
  readonly size?: number
}
