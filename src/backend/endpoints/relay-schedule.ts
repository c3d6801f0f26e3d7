/**
 * When one endpoint is asked again whether it relays: the question stands in the server's log each
 * time, so it is asked when there is a reason, and else at growing distance. Pure: the clock comes
 * in. Times are ms.
 */
import type { Extensions } from '../../smtp/ehlo.ts'

export interface RelayScheduleOptions {
  /** From the first time to the second; twice as long from each to the next. */
  readonly askEveryMs: number
  readonly askRelayAtMostMs: number
}

export class RelaySchedule {
  readonly #options: RelayScheduleOptions
  #askedAt = -Infinity
  #distanceMs = 0
  /** Its EHLO to us, as it was last seen; another one may be another server. */
  #ehlo: string | undefined

  constructor(options: RelayScheduleOptions) {
    this.#options = options
  }

  due(now: number): boolean {
    return now - this.#askedAt >= this.#distanceMs
  }

  asked(now: number): void {
    const { askEveryMs, askRelayAtMostMs } = this.#options
    this.#askedAt = now
    this.#distanceMs = Math.min(
      this.#distanceMs === 0 ? askEveryMs : this.#distanceMs * 2,
      askRelayAtMostMs,
    )
  }

  /**
   * A connection to it was lost: it may have been started anew. Asked again soon, but not more
   * often than at first.
   */
  doubt(): void {
    this.#distanceMs = Math.min(this.#distanceMs, this.#options.askEveryMs)
  }

  /** It was away: whoever answers now is not known. */
  forget(): void {
    this.#askedAt = -Infinity
    this.#distanceMs = 0
    this.#ehlo = undefined
  }

  /** Whether its EHLO is another one than before. */
  changed(offered: Extensions): boolean {
    const ehlo = [...offered].map(([keyword, value]) => `${keyword} ${value}`).join('\n')
    const changed = this.#ehlo !== undefined && this.#ehlo !== ehlo
    this.#ehlo = ehlo
    return changed
  }
}
