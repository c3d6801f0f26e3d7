/** The sums of a replay, and those of single senders. Pure. */
import {
  type ConfigurableStrategy,
  configurableStrategies,
  type StrategyName,
} from '../strategy/names.ts'
import type { Cost } from './play.ts'
import type { SenderTimes } from './sender-model.ts'

export interface StrategySum {
  readonly strategy: ConfigurableStrategy
  forcedRetries: number
  /** Messages that come more than once. */
  splits: number
  refused: number
  despite: number
  reported: number
  /** Recipients who take the message and have it only after a retry. */
  delayed: number
  /** Recipients who take it, of a sender that makes no second attempt. */
  givenUp: number
  /** Delayed recipients, by seconds. */
  readonly delays: Map<number, number>
}

const emptySum = (strategy: ConfigurableStrategy): StrategySum => ({
  strategy,
  forcedRetries: 0,
  splits: 0,
  refused: 0,
  despite: 0,
  reported: 0,
  delayed: 0,
  givenUp: 0,
  delays: new Map(),
})

export interface SenderSum {
  readonly sender: string
  messages: number
  divided: number
  /** How its retries were known. */
  times: SenderTimes
  readonly forcedRetries: Record<StrategyName, number>
  readonly delayed: Record<StrategyName, number>
  /** Seconds that the last of its recipients waits. */
  readonly longest: Record<StrategyName, number>
}

const zeros = (): Record<StrategyName, number> => ({
  single: 0,
  group: 0,
  late: 0,
  bounce: 0,
  lenient: 0,
  off: 0,
})

/** One message. */
export interface Sums {
  readonly sender: string
  readonly times: SenderTimes
  readonly costs: readonly Cost[]
  readonly divided: boolean
  /** As which strategy `auto` serves it. */
  readonly auto: StrategyName
}

/** Senders with costs of their own; who comes later counts in the sums alone. */
export const mostSenders = 50_000

export class Tally {
  readonly strategies: readonly StrategySum[] = configurableStrategies.map(emptySum)
  readonly senders = new Map<string, SenderSum>()
  /** Messages of senders that are not among them. */
  sendersLeftOut = 0
  divided = 0

  add({ sender, times, costs, divided, auto }: Sums): void {
    if (divided) this.divided++
    const own = costs.some(({ attempts }) => attempts > 1) ? this.#of(sender, times) : undefined
    if (own !== undefined) {
      own.messages++
      own.times = times
      if (divided) own.divided++
    }
    for (const sum of this.strategies) {
      const isAuto = sum.strategy === 'auto'
      const as = isAuto ? auto : sum.strategy
      const cost = costs.find(({ strategy }) => strategy === as)
      if (cost !== undefined) addCost(sum, cost, times, isAuto ? undefined : own)
    }
  }

  #of(sender: string, times: SenderTimes): SenderSum | undefined {
    const before = this.senders.get(sender)
    if (before !== undefined) return before
    if (this.senders.size >= mostSenders) {
      this.sendersLeftOut++
      return undefined
    }
    const sum: SenderSum = {
      sender,
      messages: 0,
      divided: 0,
      times,
      forcedRetries: zeros(),
      delayed: zeros(),
      longest: zeros(),
    }
    this.senders.set(sender, sum)
    return sum
  }
}

function addCost(
  sum: StrategySum,
  cost: Cost,
  times: SenderTimes,
  own: SenderSum | undefined,
): void {
  const { strategy } = cost
  sum.forcedRetries += cost.forcedRetries
  if (own !== undefined) own.forcedRetries[strategy] += cost.forcedRetries
  if (cost.attempts > 1) sum.splits++
  sum.refused += cost.refused
  sum.despite += cost.despite
  sum.reported += cost.reported
  for (const [retry, count] of cost.delivered.entries()) {
    if (retry === 0 || count === 0) continue
    const seconds = times.retryAfter(retry)
    if (seconds === undefined) {
      sum.givenUp += count
      continue
    }
    sum.delayed += count
    const kept = coarse(seconds)
    sum.delays.set(kept, (sum.delays.get(kept) ?? 0) + count)
    if (own === undefined) continue
    own.delayed[strategy] += count
    own.longest[strategy] = Math.max(own.longest[strategy], seconds)
  }
}

/** Minutes from two hours on, so that there are few of them. */
const coarse = (seconds: number): number =>
  seconds < 7200 ? seconds : Math.round(seconds / 300) * 300

/** The least number of seconds that this share of the delayed recipients do not exceed. */
export function delayOf({ delays, delayed }: StrategySum, share: number): number | undefined {
  let seen = 0
  for (const [seconds, count] of [...delays].toSorted(([one], [other]) => one - other)) {
    seen += count
    if (seen >= delayed * share) return seconds
  }
  return undefined
}
