/** What has happened between two looks, a second, by class of senders. Pure. */
import type { MetricName } from '../../metrics/metrics.ts'
import type { Look } from './read.ts'
import type { Samples } from './samples.ts'

export interface Rates {
  readonly peer: string
  /** A second. */
  readonly messages: number
  readonly recipients: number
  readonly forcedRetries: number
  /** Now. */
  readonly splitsOpen: number
  readonly sessionsOpen: number
}

type Seen = Pick<Look, 'at' | 'samples'>

export function ratesBetween(before: Seen, now: Seen): readonly Rates[] {
  const seconds = Math.max(0.001, (now.at - before.at) / 1000)
  const rate = (peer: string, name: MetricName): number =>
    grown(before.samples, now.samples, name, peer) / seconds
  return [...now.samples.by('strategy_in_force', 'peer').keys()].map((peer) => ({
    peer,
    messages: rate(peer, 'messages_total'),
    recipients: rate(peer, 'recipients_total'),
    forcedRetries: rate(peer, 'forced_retries_total'),
    splitsOpen: now.samples.sum('splits_open', { peer }),
    sessionsOpen: now.samples.sum('sessions_open', { peer }),
  }))
}

/** After a restart it counts from nothing. */
function grown(before: Samples, now: Samples, name: MetricName, peer: string): number {
  const [was, is] = [before.sum(name, { peer }), now.sum(name, { peer })]
  return is < was ? is : is - was
}
