/**
 * One log for several processes. Into a file or a terminal each writes its own lines. A pipe or a
 * socket takes a long line in pieces when it is full, between which a line of another process could
 * come: there the workers' lines go through the primary, whole.
 */
import { fstatSync, writeSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { leadsToJournal } from '../../log/priorities.ts'

const stdout = 1
const newline = 0x0a

/** Whether lines of several processes could mix on standard output. */
export function stdoutCanMix(): boolean {
  try {
    const status = fstatSync(stdout)
    return status.isFIFO() || status.isSocket()
  } catch {
    return false // it is closed
  }
}

/** Whether standard output leads to the journal. */
export function stdoutIsJournal(): boolean {
  try {
    return leadsToJournal(process.env['JOURNAL_STREAM'], fstatSync(stdout, { bigint: true }))
  } catch {
    return false // it is closed
  }
}

/** Passes whole lines on to standard output, and what is left when the stream ends. */
export function passLines(from: Readable): void {
  let rest: Buffer[] = []
  from.on('data', (data: Buffer) => {
    const end = data.lastIndexOf(newline) + 1
    if (end > 0) writeAll(Buffer.concat([...rest, data.subarray(0, end)]))
    if (end > 0) rest = []
    if (end < data.length) rest.push(data.subarray(end))
  })
  from.on('end', () => {
    // What a process did not get to write, it was killed over.
    if (rest.length > 0) writeAll(Buffer.concat([...rest, Buffer.of(newline)]))
  })
}

/**
 * A worker's side: into the pipe before it returns, so that the last lines before a crash are
 * there.
 */
export const writeLine = (line: string): void => writeAll(Buffer.from(line))

/** Waits for a reader that is slow; what nobody reads any more is dropped. */
function writeAll(octets: Buffer): void {
  for (let written = 0; written < octets.length;) {
    try {
      written += writeSync(stdout, octets, written)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}
