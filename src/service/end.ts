/**
 * The end of a process whose work is done. It ends by itself when nothing is left to wait for.
 * Look-ups of hosts whose name servers are silent can't be broken off: the two that the system is
 * at are waited for (10 s for each name server), those behind them are not.
 */
const usualMs = 1000

/** Ends the process within `ms`, with the exit code that it has. */
export function endSoon(ms = usualMs): void {
  setTimeout(() => process.exit(), ms).unref()
}
