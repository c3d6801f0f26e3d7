/**
 * How many questions to the DNS one client's messages may cause in a minute, and those of all
 * together. Held over all processes.
 */
import type { Config } from '../config/config.ts'
import { clientKey } from '../peers/network.ts'
import { RateLimiter } from '../listen/rate-limiter.ts'
import type { SharedRate, SharedRates } from '../listen/shared-limits.ts'
import type { QuestionAllowance } from '../sender-auth/questions.ts'

const minuteMs = 60_000
const everybody = '*'

interface Limited {
  readonly rate: SharedRate
  readonly limiter: RateLimiter
}

export class DnsQuestions implements QuestionAllowance {
  readonly #now: () => number
  readonly #shared: SharedRates
  #client: Limited | undefined
  #all: Limited | undefined

  /** `now`: ms since the epoch. */
  constructor(config: Config, now: () => number, shared: SharedRates) {
    this.#now = now
    this.#shared = shared
    this.use(config)
    shared.onElsewhere(({ name, count }, key, amount) => {
      for (const limited of [this.#client, this.#all]) {
        if (limited?.rate.name === name && limited.rate.count === count)
          limited.limiter.drain(key, now(), amount)
      }
    })
  }

  /** From now on; a rate that is the same as before goes on. */
  use({ limits }: Config): void {
    this.#client = limited('dns_questions_per_minute', limits.dnsQuestionsPerMinute, this.#client)
    this.#all = limited('all_dns_questions_per_minute', limits.allDnsQuestionsPerMinute, this.#all)
  }

  /** One client that is over its rate takes nothing from the others. */
  take(clientAddress: string): boolean {
    return this.#takes(this.#client, clientKey(clientAddress)) && this.#takes(this.#all, everybody)
  }

  #takes(limited: Limited | undefined, key: string): boolean {
    if (limited === undefined) return true
    if (!limited.limiter.take(key, this.#now())) return false
    this.#shared.took(limited.rate, key, 1)
    return true
  }
}

function limited(name: string, count: number, before: Limited | undefined): Limited | undefined {
  if (count === Infinity) return undefined
  if (before?.rate.count === count) return before
  const rate = { name, count, perMs: minuteMs }
  return { rate, limiter: new RateLimiter(rate) }
}
