/** What those hear who read events of this front-end: what happens, and a summary now and then. */
import { LiveEvents } from '../../admin/events/live-events.ts'
import type { Totals } from './totals.ts'
import type { EventWatcher } from './watched-events.ts'

/** As often as workers tell what they have counted. */
const totalsEveryMs = 2000

export interface LiveParts {
  /** Of the configuration: what is kept for readers that come back. */
  readonly keptBytes: number
  /** Which front-end this is. */
  readonly instance: string
  readonly version: string
  readonly startedAt: number
  readonly watch: (watcher: EventWatcher) => () => void
  readonly totals: () => Totals
  readonly now: () => number
}

export function openLive(parts: LiveParts): LiveEvents {
  const { instance, version, startedAt, watch, now } = parts
  return new LiveEvents({
    mostOctets: parts.keptBytes,
    about: () => ({ instance, version, startedAt }),
    watch: (told) => {
      const end = watch(told)
      const tellTotals = (): void => {
        const totals = parts.totals()
        told({ name: 'totals', data: JSON.stringify({ kind: 'totals', at: now(), ...totals }) })
      }
      const timer = setInterval(tellTotals, totalsEveryMs).unref()
      return () => {
        clearInterval(timer)
        end()
      }
    },
  })
}
