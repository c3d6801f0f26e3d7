/**
 * What is written leaves at the end of a turn of the event loop, after everything that came in was
 * looked at: a process at the other end is then woken once for all of it, and what belongs together
 * leaves in one write.
 */
let waiting: (() => void)[] = []

/** Calls `act` before the loop waits for anything else. */
export function atEndOfTurn(act: () => void): void {
  if (waiting.push(act) === 1) setImmediate(run)
}

function run(): void {
  const acts = waiting
  waiting = []
  for (const act of acts) act()
}
