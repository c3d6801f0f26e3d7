/**
 * The log: JSON lines on stdout, or a form for people on a terminal, or for those who grep. One
 * event is always exactly one line, but for the last form, which has one for each recipient.
 */
import { type DestinationStream, type Logger, destination, pino } from 'pino'
import { hasColours } from './colours.ts'
import { prefixed, priorityOf } from './priorities.ts'
import { type KeepAddress, withoutAddresses } from './hidden-addresses.ts'
import { shortLines } from './short-lines.ts'
import { terminalLine } from './terminal-lines.ts'
import { visibleJson } from './visible.ts'

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  /** `auto`: pretty when stdout is a terminal, else JSON. */
  readonly format: 'auto' | 'json' | 'pretty' | 'line'
  /** What is shown of a mail address; all of it unless given. */
  readonly keepAddress?: KeepAddress | undefined
  /** Each line begins with its level as the journal reads it; without unless given. */
  readonly priorities?: boolean
  /** Gets each finished line; stdout unless given. */
  readonly write?: (line: string) => void
  /** In each line, where several processes write to one log. */
  readonly pid?: number
  /** How long a deferred line may wait for others to be written with, in ms; 0 unless given. */
  readonly flushMs?: number
}

export interface Log extends Logger {
  /**
   * An info line of what happened at `at`, in ms since the epoch. There is one for each message, so
   * they are made and written several at a time: within `flushMs`, before any other line, and
   * before the process exits.
   */
  deferred(at: number, make: () => DeferredLine): void
}

export interface DeferredLine {
  /** None is named as what each line has: level, time, pid, msg. */
  readonly fields: Record<string, unknown>
  readonly message: string
}

/**
 * `flushMs` of a program that serves: nobody notices, and under load some fifty lines leave in one
 * write.
 */
export const deferredFlushMs = 10

/** More lines than these do not wait for each other. */
const mostWaiting = 64

/**
 * Makes a log. Lines that are not deferred are written before the call returns, so that the last
 * ones before a crash are there; a reader that stops reading a pipe therefore stops the program
 * too, as with every program that logs to its supervisor.
 */
export function createLog(options: LogOptions): Log {
  const terminal = options.write === undefined && process.stdout.isTTY
  const write = options.write ?? toStdout()
  const plain = formatOf(options.format, terminal)
  const shown = options.priorities === true ? withPriority(plain) : plain
  const { keepAddress } = options
  const format: Format =
    keepAddress === undefined
      ? shown
      : (lines) => shown(lines.map((line) => withoutAddresses(line, keepAddress)))
  const base = options.pid === undefined ? null : { pid: options.pid }
  const ofAll = inside({ pid: options.pid })
  const waiting: { readonly at: number; readonly make: () => DeferredLine }[] = []
  const writeWaiting = (): void => {
    if (waiting.length === 0) return
    write(format(waiting.splice(0).map(({ at, make }) => deferredLine(at, ofAll, make()))))
  }
  const stream: DestinationStream = {
    write: (line) => {
      writeWaiting()
      write(format([line]))
    },
  }
  const log = pino(
    {
      level: options.level,
      base,
      timestamp: () => `,"time":"${isoTime(Date.now())}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  )
  const { flushMs = 0 } = options
  if (flushMs > 0) process.once('exit', writeWaiting)
  const deferred: Log['deferred'] = (at, make) => {
    if (!log.isLevelEnabled('info')) return
    const first = waiting.push({ at, make }) === 1
    if (flushMs === 0 || waiting.length >= mostWaiting) writeWaiting()
    else if (first) setTimeout(writeWaiting, flushMs).unref()
  }
  return Object.assign(log, { deferred })
}

const deferredLine = (at: number, base: string, { fields, message }: DeferredLine): string =>
  `{"level":"info","time":"${isoTime(at)}"${base}${inside(fields)},"msg":${JSON.stringify(message)}}\n`

/** Behind other members of an object: a copy of all fields in one would be garbage. */
function inside(fields: object): string {
  const json = JSON.stringify(fields)
  return json === '{}' ? '' : `,${json.slice(1, -1)}`
}

/** Several lines of one millisecond share the work. */
const isoTime = ((): ((at: number) => string) => {
  let [made, text] = [Number.NaN, '']
  return (at) => {
    if (at !== made) [made, text] = [at, new Date(at).toISOString()]
    return text
  }
})()

function toStdout(): (line: string) => void {
  const stdout = destination({ fd: 1, sync: true })
  return (line) => {
    stdout.write(line)
  }
}

/** What is written of lines of JSON, which have their ends. */
type Format = (lines: readonly string[]) => string

function formatOf(format: LogOptions['format'], terminal: boolean): Format {
  switch (format) {
    case 'auto':
      return formatOf(terminal ? 'pretty' : 'json', terminal)
    case 'json':
      return (lines) => visibleLines(lines.join(''))
    case 'pretty':
      return terminalFormat(terminal && hasColours())
    case 'line':
      return each(shortLines)
  }
}

/** Most lines are ASCII alone, where nothing is unfit but DEL. */
const visibleLines = (lines: string): string =>
  Buffer.byteLength(lines) === lines.length && !lines.includes('\x7f') ? lines : visibleJson(lines)

const each =
  (format: (line: string) => string): Format =>
  (lines) =>
    lines.map(format).join('')

/** The level is the first field of a line. */
const levelIn = /^\{"level":"([a-z]+)"/

const withPriority = (format: Format): Format =>
  each((line) => prefixed(format([line]), priorityOf(levelIn.exec(line)?.[1] ?? '')))

const terminalFormat = (paints: boolean): Format => each((line) => terminalLine(line, paints))
