/**
 * All attempts of one message, until each recipient has an answer for good: what the client would
 * hear, one connection after the other, with time between them as it was asked to wait.
 */
import { isForcedRetry } from '../facts/transaction.ts'
import { isTransient, type Reply } from '../smtp/reply.ts'
import { readRetryHint } from '../smtp/retry-hint.ts'
import { answerOf, attempt, type Attempt, type ClientKind } from './attempt.ts'
import { OpenSplits } from './open-splits.ts'
import { RehearsedSession } from './rehearsed-session.ts'
import type { Letter, World } from './world.ts'

export interface Course {
  readonly attempts: readonly Attempt[]
  /**
   * `answered`: everyone has an answer for good. `waits`: what they wait for is not the other
   * recipients, so that the next attempt would hear the same. `cut`: it was followed no further.
   */
  readonly ends: 'answered' | 'waits' | 'cut'
}

/** More are not followed. */
export const mostAttempts = 1000
/**
 * So many in a row that give nobody an answer are followed; rule 7 lets a message through before
 * that, unless somebody's policy puts it off for ever (`defer_at`).
 */
export const mostInVain = 20
/** What a sender waits that was not asked to wait (Postfix: minimal_backoff_time). */
const usualWaitSeconds = 300

export async function playCourse(kind: ClientKind, world: World, letter: Letter): Promise<Course> {
  const splits = new OpenSplits()
  const attempts: Attempt[] = []
  let open = letter.recipients
  let afterMs = 0
  let inVain = 0
  while (attempts.length < mostAttempts && inVain < mostInVain) {
    const id = `${world.id}-${attempts.length + 1}`
    const session = new RehearsedSession(world, { id, at: world.startsAt + afterMs, splits })
    const played = { afterMs, ...(await attempt(kind, session, { ...letter, recipients: open })) }
    attempts.push(played)
    const waiting = played.told.filter((told) => isTransient(answerOf(played, told)))
    if (waiting.length === 0) return { attempts, ends: 'answered' }
    if (waiting.length === open.length && !isSplit(played)) return { attempts, ends: 'waits' }
    inVain = waiting.length === open.length ? inVain + 1 : 0
    open = waiting.map(({ recipient }) => recipient)
    afterMs += 1000 * Math.max(...waiting.map((told) => waitSeconds(answerOf(played, told))))
  }
  return { attempts, ends: 'cut' }
}

/** Somebody waits for the others' sake, so that the next attempt gets on. */
const isSplit = ({ ended }: Attempt): boolean => ended?.recipients.some(isForcedRetry) === true

const waitSeconds = ({ lines }: Reply): number => readRetryHint(lines.join(' ')) ?? usualWaitSeconds
