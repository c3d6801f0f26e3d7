/**
 * When a front-end has said in its own log that its ledger can't be used: on a busy machine its
 * server may be too slow though nothing was done to it. Pure.
 */
import type { Away } from './journal.ts'

interface Said {
  readonly event?: unknown
  readonly time?: unknown
  readonly pid?: unknown
}

function read(line: string): Said {
  try {
    return JSON.parse(line) as Said
  } catch {
    return {} // the process was killed while it wrote the line
  }
}

/** By its lines of JSON; from trouble to recovery of each process, or to the last it said. */
export function awayIn(log: string, front: number): readonly Away[] {
  const away: Away[] = []
  const open = new Map<unknown, number>()
  const last = new Map<unknown, number>()
  for (const line of log.split('\n')) {
    const { event, time, pid } = read(line)
    const at = Date.parse(String(time))
    if (Number.isNaN(at)) continue
    last.set(pid, at)
    const begun = open.get(pid)
    if (event === 'ledgerTrouble' && begun === undefined) open.set(pid, at)
    if (event !== 'ledgerRecovered' || begun === undefined) continue
    open.delete(pid)
    away.push({ what: 'away', at: begun, front, to: at })
  }
  for (const [pid, at] of open) away.push({ what: 'away', at, front, to: last.get(pid) ?? at })
  return away
}
