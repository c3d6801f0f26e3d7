/**
 * The mail server behind all front-ends: it takes each text that has come whole, some time later,
 * whoever still waits for its answer.
 */
import type { ParcelOrder } from '../../src/session/effects.ts'
import type { Reply } from '../../src/smtp/reply.ts'
import type { Entry } from '../chaos/journal.ts'
import type { Random } from '../support/random.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface BehindOptions {
  readonly clock: VirtualClock
  readonly random: Random
  readonly note: (entry: Entry) => void
}

/** One way between a front-end and it, ms. */
const wayMs = 0.5
/** Of a hundred texts so many take it seconds. */
const slowPercent = 2

export class Behind {
  copies = 0
  readonly #options: BehindOptions

  constructor(options: BehindOptions) {
    this.#options = options
  }

  /** A command and its reply. */
  answer(tell: () => void): void {
    this.#options.clock.after(2 * wayMs, tell)
  }

  /** `lives`: whether the front-end is still there when the text has come. */
  take(
    letter: string,
    { recipients }: ParcelOrder,
    lives: () => boolean,
    tell: (reply: Reply, ms: number) => void,
  ): void {
    const { clock, random, note } = this.#options
    const begun = clock.now()
    const thinksMs = random.chance(slowPercent / 100)
      ? random.between(500, 3000)
      : random.between(2, 60)
    const to = recipients.map(({ argument }) => argument.slice(1, argument.indexOf('>')))
    clock.after(wayMs + random.between(1, 5), () => {
      // Its connection has ended before the dot.
      if (!lives()) return
      const came = clock.now()
      clock.after(thinksMs, () => {
        const number = `C${++this.copies}`
        const at = clock.now()
        note({ what: 'taken', at, came, number, letter, to })
        note({ what: 'said', at, number })
        const reply: Reply = { code: 250, lines: [`2.0.0 Ok: queued as ${number}`] }
        clock.after(wayMs, () => tell(reply, clock.now() - begun))
      })
    })
  }
}
