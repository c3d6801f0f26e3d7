/**
 * What a client may still do of what is counted over all of its sessions. The machine asks; who
 * counts is at the edge.
 */
import type { LimitName } from '../facts/sessions.ts'

export type RatedThing = 'messages' | 'recipients' | 'errors'

export interface Allowance {
  /** Takes one of them. The name of the limit when there is none left for now. */
  takes(thing: RatedThing): LimitName | undefined
}
