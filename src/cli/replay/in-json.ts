/** A replay for programs. */
import type { Replayed } from '../../app/replay.ts'
import { known } from '../../known.ts'
import { delayOf, type SenderSum, type StrategySum } from '../../past/tally.ts'
import { readable } from '../../smtp/octets.ts'
import { mostDelayed } from './in-words.ts'

type Json = Readonly<Record<string, unknown>>

/** Senders that are told. */
const sendersTold = 1000

export function inJson(replayed: Replayed): Json {
  const { read, counts, unfinished, tally } = replayed
  const { from, until, shown, ...lines } = read
  return {
    read: {
      ...lines,
      ...(from !== undefined && { from: new Date(from).toISOString() }),
      ...(until !== undefined && { until: new Date(until).toISOString() }),
      unreadable: shown.map(({ text, ...place }) => ({ ...place, text: readable(text) })),
    },
    ...counts,
    leftOut: { ...counts.leftOut, unfinished },
    divided: tally.divided,
    strategies: tally.strategies.map(strategyJson),
    senders: mostDelayed(replayed, sendersTold).map(senderJson),
    sendersLeftOut: tally.sendersLeftOut,
  }
}

const strategyJson = (sum: StrategySum): Json => {
  const { delays, ...rest } = sum
  const seconds = known({
    half: delayOf(sum, 0.5),
    most: delayOf(sum, 0.95),
    last: delayOf(sum, 1),
  })
  return { ...rest, ...(delays.size > 0 && { delaySeconds: seconds }) }
}

const senderJson = ({ times, sender, longest, ...rest }: SenderSum): Json => ({
  sender: readable(sender),
  ...rest,
  longestSeconds: longest,
  retriesLike: times.name,
})
