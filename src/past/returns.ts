/**
 * How long senders take to come back, as the log shows it: where the site's own server has put
 * somebody off (greylisting, a full mailbox), and the same sender has offered the same again.
 */

/** Deferrals whose return is awaited; the oldest goes first. */
export const mostAwaited = 50_000
/** Senders whose returns are remembered. */
export const mostSenders = 50_000
/** Returns of one sender that count, the first ones. */
const mostReturns = 9
/** One alone may be another message. */
const fewestReturns = 2
/** What comes within seconds is no queue's retry, and what comes after a day is another message. */
const [soonest, latest] = [10_000, 86_400_000]

export class SeenReturns {
  readonly #awaited = new Map<string, { readonly sender: string; readonly at: number }>()
  readonly #returns = new Map<string, number[]>()

  get awaitsNobody(): boolean {
    return this.#awaited.size === 0
  }

  /** `key`: who offers what to whom. */
  putOff(sender: string, key: string, at: number): void {
    this.came(key, at)
    if (this.#awaited.size >= mostAwaited) removeOldest(this.#awaited)
    this.#awaited.set(key, { sender, at })
  }

  /** Whether it was taken or put off once more. */
  came(key: string, at: number): void {
    const before = this.#awaited.get(key)
    if (before === undefined) return
    this.#awaited.delete(key)
    const { sender } = before
    const after = at - before.at
    if (after < soonest || after > latest) return
    const known = this.#returns.get(sender)
    if (known === undefined) {
      if (this.#returns.size >= mostSenders) removeOldest(this.#returns)
      this.#returns.set(sender, [after])
    } else if (known.length < mostReturns) known.push(after)
  }

  /** Half of its retries came sooner, s; undefined where too few were seen. */
  secondsOf(sender: string): number | undefined {
    const seen = this.#returns.get(sender) ?? []
    if (seen.length < fewestReturns) return undefined
    const sorted = seen.toSorted((one, other) => one - other)
    return Math.round((sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) / 1000)
  }
}

export function removeOldest(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}
