/** What those hear who read events of this front-end: what happens, and a summary now and then. */
import { LiveEvents } from '../../admin/events/live-events.ts'
import type { Totals } from './totals.ts'

/** As often as workers tell what they have counted. */
const totalsEveryMs = 2000

export interface LiveParts {
  /** Of the configuration: what is kept for readers that come back. */
  readonly keptBytes: number
  /** Which front-end this is. */
  readonly instance: string
  readonly version: string
  readonly startedAt: number
  /** Of an event's name: it is told whether somebody reads or not. */
  readonly isSeldom: (name: string) => boolean
  /** What is not seldom is told from now on as well; gives what ends that. */
  readonly watchOften: () => () => void
  readonly totals: () => Totals
  readonly now: () => number
}

export function openLive(parts: LiveParts): LiveEvents {
  const { instance, version, startedAt, isSeldom, watchOften, now } = parts
  return new LiveEvents({
    mostOctets: parts.keptBytes,
    about: () => ({ instance, version, startedAt }),
    ...{ isSeldom, watchOften },
    watch: (told) => {
      const tellTotals = (): void => {
        const totals = parts.totals()
        told({ name: 'totals', data: JSON.stringify({ kind: 'totals', at: now(), ...totals }) })
      }
      const timer = setInterval(tellTotals, totalsEveryMs).unref()
      return () => clearInterval(timer)
    },
  })
}
