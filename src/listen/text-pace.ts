/**
 * Whether a text comes fast enough. A sender may be behind `limits.text_minimum_rate` by
 * `timeouts.text` and no more: one that stops for minutes and then goes on at a modem's speed
 * survives (RFC 5321 4.5.3.2.5 lets it stop for three), one that sends an octet a minute for ever
 * does not. What was sent fast is no credit for later. Pure; time is given, in ms on a clock that
 * is never set.
 */
export class TextPace {
  readonly #bytesPerMs: number
  readonly #behindMs: number
  /** When it will be too far behind. */
  #deadline = 0
  #heldAt: number | undefined

  constructor(bytesPerSecond: number, behindMs: number) {
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#behindMs = behindMs
  }

  begin(now: number): void {
    this.#deadline = now + this.#behindMs
    this.#heldAt = undefined
  }

  /** So many octets have come. False: too slow. */
  took(octets: number, now: number): boolean {
    this.goOn(now)
    this.#deadline = Math.min(this.#deadline + octets / this.#bytesPerMs, now + this.#behindMs)
    return now <= this.#deadline
  }

  /** From now on the sender is made to wait, which is not its fault. */
  hold(now: number): void {
    this.#heldAt ??= now
  }

  goOn(now: number): void {
    if (this.#heldAt === undefined) return
    this.#deadline += now - this.#heldAt
    this.#heldAt = undefined
  }
}
