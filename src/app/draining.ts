/** `rcptwise drain`: that no split is begun any more, and who is still waited for. */
import type { AdminContext, DrainView, HeldSplit } from '../admin/context.ts'
import type { FactListener } from '../facts/fact.ts'
import { isGone } from '../listen/deliverer.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { known } from '../known.ts'
import { drainOf, everyClass, isDraining } from '../peers/overrides.ts'
import { heldIn, isUnderWay } from '../split/held.ts'
import { isOpen } from '../split/split-course.ts'
import type { Split } from '../split/split.ts'
import { comesBackWithin } from '../strategy/auto.ts'

export interface DrainingParts {
  readonly ledger: Ledger
  /** Waits until what was set is in force everywhere. */
  readonly inForce: () => Promise<{ readonly notYet?: readonly string[] }>
  readonly onFact: FactListener
  readonly now: () => number
}

/** Open splits that are looked at, the oldest first. */
const mostLookedAt = 10_000

export function drainingContext(
  parts: DrainingParts,
): Pick<AdminContext, 'drain' | 'undrain' | 'drained'> {
  const { ledger, onFact, now } = parts
  const drained = async (limit: number): Promise<DrainView> => await look(parts, limit)
  return {
    drained,
    async drain(limit, { by, reason }) {
      if (!isDraining(ledger.overrides())) {
        const at = now()
        await ledger.setOverride({ peer: everyClass, strategy: 'lenient', setAt: at, by })
        onFact({ kind: 'drainChanged', at, draining: true, by, ...known({ reason }) })
      }
      const late = await parts.inForce()
      return { ...(await drained(limit)), ...late }
    },
    async undrain(limit, { by, reason }) {
      const reset = await ledger.resetOverride(everyClass)
      if (reset)
        onFact({ kind: 'drainChanged', at: now(), draining: false, by, ...known({ reason }) })
      const late = await parts.inForce()
      return { ...(await drained(limit)), ...late }
    },
  }
}

async function look({ ledger, now }: DrainingParts, limit: number): Promise<DrainView> {
  const set = drainOf(ledger.overrides())
  const { open, held, all } = await heldSplits(ledger, now())
  const shown = held.toSorted((a, b) => a.lastAttemptAt - b.lastAttemptAt).slice(0, limit)
  return {
    ...(set !== undefined && { since: set.setAt, by: set.by }),
    open,
    held: held.length,
    all,
    durable: ledger.durable,
    shared: ledger.sharedWithinMs > 0,
    splits: shown.map((split) => viewHeld(ledger, split)),
  }
}

interface Looked {
  readonly open: number
  readonly held: readonly Split[]
  /** None was left out. */
  readonly all: boolean
}

/** Open splits in which somebody has the message and is offered it again. */
export async function heldSplits(ledger: Ledger, now: number): Promise<Looked> {
  const splits = await ledger.openSplits(mostLookedAt + 1)
  const seen = splits.slice(0, mostLookedAt)
  const held = seen.filter(
    (split) => heldIn(split).length > 0 && (!isUnderWay(split, now) || isLeftBehind(split)),
  )
  return { open: seen.length, held, all: splits.length <= mostLookedAt }
}

/** By a process that lives no more. */
const isLeftBehind = ({ recipients }: Split): boolean =>
  recipients.some(({ by }) => by !== undefined && isGone(by.process))

function viewHeld({ senders }: Ledger, split: Split): HeldSplit {
  const { id, reversePath, attempt, messageId, startedAt, lastAttemptAt, declared } = split
  const held = new Set(heldIn(split).map(({ address }) => address))
  const waiting = split.recipients.filter((one) => isOpen(one) && !held.has(one.address))
  const lessons = declared === undefined ? undefined : senders.find(declared.sender)?.counts
  const learned = lessons === undefined ? undefined : comesBackWithin(lessons)
  return {
    id,
    reversePath,
    startedAt,
    lastAttemptAt,
    held: [...held],
    waiting: waiting.map(({ address }) => address),
    ...known({
      messageId,
      client: attempt?.rdns ?? attempt?.address,
      comesBack: learned,
    }),
  }
}
