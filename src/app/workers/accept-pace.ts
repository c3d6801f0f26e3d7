/**
 * All workers wait at one socket, and whoever is awake takes the next connection: of twenty that
 * come at once one worker can get all, and the others stay idle while those sessions last. So a
 * worker that has clearly more than the others steps back for a moment after each connection that
 * it has taken.
 */
import { allSessions } from '../../listen/client-limits.ts'
import type { CountsHere } from './shared-counts.ts'

/**
 * Long enough for another process to be woken: measured, 20 at once are then shared 11 to 9 and not
 * 19 to 1.
 */
const stepBackMs = 0.3
/** Others may be busy or hang: all steps back of a second together cost 30 ms at most. */
const mostASecond = 100

/** What to call behind each connection that was accepted. */
export function acceptPace(counts: CountsHere): () => void {
  const nobody = new Int32Array(new SharedArrayBuffer(4))
  let second = 0
  let left = mostASecond
  return () => {
    if (counts.others === 0) return
    const othersHave = counts.elsewhere(allSessions) / counts.others
    if (counts.here(allSessions) <= 2 * othersHave + 4) return
    const now = Math.floor(performance.now() / 1000)
    if (now !== second) {
      second = now
      left = mostASecond
    }
    // Blocks the thread: Node has no way to stop accepting for so short a time.
    if (left-- > 0) Atomics.wait(nobody, 0, 0, stepBackMs)
  }
}
