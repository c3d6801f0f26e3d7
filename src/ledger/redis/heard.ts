/**
 * Who opens a sender's first split waits here until every other watcher knows of it, or until what
 * it knew before counts no more (watch.ts). All who wait ask the server together.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** A watcher that does not know an opening yet. */
export interface Behind {
  readonly id: string
  /** How often it has asked the server. */
  readonly turn: string
  /** The number of the last opening that it knows. */
  readonly knows: number
}

export interface HeardParts {
  /** Other watchers that do not know opening `number`. Rejects when the server is away. */
  readonly behind: (number: number) => Promise<readonly Behind[]>
  /** Those who have not asked since are watchers no more. */
  readonly drop: (watchers: readonly Behind[]) => Promise<void>
  /** For so long what a watcher knows counts after it has asked, ms. */
  readonly leaseMs: number
  /** Between two questions at least, ms: more where there are many watchers. */
  readonly soonestMs: () => number
}

/** Between two questions when no message of the server wakes anybody. */
const askEveryMs = 25

interface Waiting {
  readonly number: number
  readonly until: number
  readonly resolve: () => void
}

export class Heard {
  readonly #parts: HeardParts
  #waiting: Waiting[] = []
  /**
   * When a watcher was first seen to be behind at this turn. It stays for those who wait later:
   * they need not find out again that it has gone.
   */
  #seen = new Map<string, { readonly turn: string; readonly at: number }>()
  #asking = false
  #askedAt = -Infinity
  #woken = false
  #pausing: AbortController | undefined

  constructor(parts: HeardParts) {
    this.#parts = parts
  }

  /**
   * Resolves when all know opening `number`, or after the lease; it was written before this call.
   */
  async wait(number: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const until = performance.now() + this.#parts.leaseMs
      this.#waiting.push({ number, until, resolve })
      if (!this.#asking) void this.#askOn()
    })
  }

  /** Somebody has heard something. */
  wake(): void {
    this.#woken = true
    this.#pausing?.abort()
  }

  async #askOn(): Promise<void> {
    this.#asking = true
    while (this.#waiting.length > 0) {
      this.#woken = false
      this.#askedAt = performance.now()
      const asked = Math.max(...this.#waiting.map(({ number }) => number))
      const behind = await this.#parts.behind(asked).catch(() => undefined)
      const known = behind === undefined ? -1 : Math.min(asked, ...behind.map((one) => one.knows))
      this.#settle(known)
      if (behind !== undefined) await this.#dropOverdue(behind)
      if (this.#waiting.length > 0) await this.#pause()
    }
    this.#asking = false
  }

  #settle(known: number): void {
    const now = performance.now()
    const isOver = ({ number, until }: Waiting): boolean => number <= known || until <= now
    const over = this.#waiting.filter(isOver)
    this.#waiting = this.#waiting.filter((one) => !isOver(one))
    for (const { resolve } of over) resolve()
  }

  /** What they knew counts no more, and they have gone, or are slow and begin anew. */
  async #dropOverdue(behind: readonly Behind[]): Promise<void> {
    const now = performance.now()
    const seen = new Map(
      behind.map(({ id, turn }) => {
        const before = this.#seen.get(id)
        return [id, before?.turn === turn ? before : { turn, at: now }] as const
      }),
    )
    this.#seen = seen
    const overdue = behind.filter(
      ({ id }) => now - (seen.get(id)?.at ?? now) >= this.#parts.leaseMs,
    )
    if (overdue.length > 0) await this.#parts.drop(overdue).catch(() => undefined)
  }

  async #pause(): Promise<void> {
    const soonest = this.#askedAt + this.#parts.soonestMs()
    const early = Math.min(soonest, ...this.#waiting.map(({ until }) => until)) - performance.now()
    if (early > 0) await sleep(Math.ceil(early))
    if (this.#woken) return
    const pausing = new AbortController()
    this.#pausing = pausing
    await sleep(askEveryMs, undefined, { signal: pausing.signal }).catch(() => undefined)
    this.#pausing = undefined
  }
}
