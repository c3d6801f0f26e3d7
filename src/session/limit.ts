/** Limits that are reached inside a session: told as facts, and rates asked for. */
import type { LimitName } from '../facts/sessions.ts'
import type { RatedThing } from './allowance.ts'
import { type Session, transactionOf } from './session.ts'
import { known } from '../known.ts'

export function noteLimit(session: Session, limit: LimitName): void {
  const { id, peerName, client } = session
  const transaction = transactionOf(session)?.id
  session.effects.push({
    do: 'note',
    fact: {
      kind: 'limitReached',
      at: session.at,
      session: id,
      ...known({ transaction }),
      peer: peerName,
      address: client.address,
      limit,
    },
  })
}

/**
 * Takes one of what is counted over all sessions of the client; false, and told, when there is none
 * left for now.
 */
export function takes(session: Session, thing: RatedThing): boolean {
  const limit = session.oracle.takes(thing)
  if (limit === undefined) return true
  noteLimit(session, limit)
  return false
}
