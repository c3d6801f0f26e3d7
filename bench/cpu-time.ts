/** CPU time of a process, all its threads together, from /proc/PID/stat (proc(5)). */
import { readFileSync } from 'node:fs'

/** Ticks of the kernel's clock a second: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100

/** Seconds used so far, in user mode and in the kernel; undefined when the process is gone. */
export function cpuSeconds(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in brackets may hold blanks and brackets; what follows it does not. utime and stime are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  } catch {
    return undefined
  }
}
