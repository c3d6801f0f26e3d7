/**
 * CPU time of a program, all its threads and child processes together, from /proc/PID/stat
 * (proc(5)).
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Ticks of the kernel's clock a second: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100

interface Stat {
  readonly name: string
  readonly parent: number
  /** Own time, and that of children which have ended and were waited for. */
  readonly seconds: number
}

function readStat(pid: number): Stat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in brackets may hold blanks and brackets; what follows it does not.
    const end = stat.lastIndexOf(')')
    const [, parent = '', ...more] = stat.slice(end + 2).split(' ')
    const [utime = 0, stime = 0, cutime = 0, cstime = 0] = more.slice(9, 13).map(Number)
    const name = stat.slice(stat.indexOf('(') + 1, end)
    return {
      name,
      parent: Number(parent),
      seconds: (utime + stime + cutime + cstime) / ticksPerSecond,
    }
  } catch {
    return undefined // it has ended
  }
}

const allPids = (): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)

/**
 * Seconds used so far by a process and its children, in user mode and in the kernel; undefined when
 * it is gone.
 */
export function cpuSeconds(pid: number): number | undefined {
  const own = readStat(pid)
  if (own === undefined) return undefined
  const children = allPids().flatMap((candidate) => readStat(candidate) ?? [])
  return children
    .filter(({ parent }) => parent === pid)
    .reduce((sum, { seconds }) => sum + seconds, own.seconds)
}

/** The newest child of this process with that name. */
export function ownChild(name: string): number | undefined {
  return allPids().findLast((pid) => {
    const stat = readStat(pid)
    return stat?.parent === process.pid && stat.name === name
  })
}
