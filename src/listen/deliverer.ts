/**
 * Which process is at a delivery, in words that another one can check: a return may come to another
 * worker or another machine while the first attempt is still being delivered, and only a process
 * that is gone has left a delivery behind (rule 6). On one machine the kernel knows which processes
 * live (proc(5)); of another machine nothing is known but when the delivery is over at the latest.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'

interface Place {
  /** Machine, its boot, and the namespace in which process ids mean something. */
  readonly machine: string
  readonly pid: string
  /** In ticks since the boot: a process id is used again. */
  readonly startedAt: string
}

const separator = ' '

/** This process; the same as long as it lives. */
export const thisProcess: string = describe(process.pid) ?? randomUUID()

/** True only for one that surely lives no more. */
export function isGone(deliverer: string): boolean {
  const [machine, pid = '', startedAt] = deliverer.split(separator)
  if (startedAt === undefined || machine !== machineHere()) return false
  return describe(pid) !== deliverer
}

/** Of this machine, so that `isGone` knows. */
export const isHere = (deliverer: string): boolean =>
  deliverer === thisProcess || deliverer.split(separator)[0] === machineHere()

function describe(pid: number | string): string | undefined {
  const place = placeOf(pid)
  return place === undefined
    ? undefined
    : [place.machine, place.pid, place.startedAt].join(separator)
}

function placeOf(pid: number | string): Place | undefined {
  const machine = machineHere()
  const status = contentOf(`/proc/${pid}/stat`)
  if (machine === undefined || status === undefined) return undefined
  // Behind the name, which may hold anything, in parentheses: the state, and as the 20th the time
  // of the start.
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
  const startedAt = fields[19]
  const lives = fields[0] !== 'Z' && fields[0] !== 'X'
  return startedAt === undefined || !lives ? undefined : { machine, pid: String(pid), startedAt }
}

function machineHere(): string | undefined {
  const boot = contentOf('/proc/sys/kernel/random/boot_id')?.trim()
  try {
    return boot === undefined ? undefined : `${boot}/${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return undefined
  }
}

/** Undefined where there is no such file, as on a system without /proc. */
function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}
