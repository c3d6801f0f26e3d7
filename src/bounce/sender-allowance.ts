/**
 * How many reports one sender may have within an hour, so that nobody is flooded with them
 * (docs/limits.md: bounces_per_hour).
 */

const hourMs = 3_600_000
/** Senders that are remembered; with as many within one hour, others have to wait. */
const maxSenders = 50_000

/** Given back where no report came of it. */
export interface Taken {
  giveBack(): void
}

/** What lies ahead was noted before the clock was set back: it is not waited for. */
const isRecent = (then: number, now: number): boolean => then > now - hourMs && then <= now

export class SenderAllowance {
  #perHour: number
  readonly #now: () => number
  /** When each sender's reports were begun; senders in the order of their last one. */
  readonly #begun = new Map<string, number[]>()

  /** Called with what is taken here, 1, or given back, -1; `sender` in lower case. */
  onTaken: (sender: string, amount: number) => void = () => undefined

  constructor(perHour: number, now: () => number) {
    this.#perHour = perHour
    this.#now = now
  }

  get perHour(): number {
    return this.#perHour
  }

  /** From now on; what was taken stays taken. */
  use(perHour: number): void {
    this.#perHour = perHour
  }

  /** Another process has taken so many for a sender; negative: given back. */
  takenElsewhere(sender: string, amount: number): void {
    const at = this.#now()
    const begun = this.#begun.get(sender) ?? []
    if (amount < 0) begun.splice(amount)
    else begun.push(...Array.from({ length: amount }, () => at))
    this.#begun.delete(sender)
    if (begun.length > 0) this.#begun.set(sender, begun)
  }

  /** Undefined when there is none left for now. `sender` is an address; its case does not count. */
  take(sender: string): Taken | undefined {
    const at = this.#now()
    this.#forget(at)
    const key = sender.toLowerCase()
    const begun = (this.#begun.get(key) ?? []).filter((then) => isRecent(then, at))
    if (begun.length >= this.#perHour || (begun.length === 0 && this.#begun.size >= maxSenders))
      return undefined
    begun.push(at)
    this.#begun.delete(key)
    this.#begun.set(key, begun)
    this.onTaken(key, 1)
    return { giveBack: () => this.#giveBack(key, at) }
  }

  #giveBack(key: string, at: number): void {
    const begun = this.#begun.get(key) ?? []
    const index = begun.lastIndexOf(at)
    if (index === -1) return
    begun.splice(index, 1)
    this.onTaken(key, -1)
    if (begun.length === 0) this.#begun.delete(key)
  }

  #forget(at: number): void {
    for (const [key, begun] of this.#begun) {
      if (isRecent(begun.at(-1) ?? 0, at)) return
      this.#begun.delete(key)
    }
  }
}
