/** The log: JSON lines on stdout, or a form for people on a terminal. One event is always exactly one line. */
import { type DestinationStream, type Logger, destination, pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { spelledOutJson, visibleJson } from './visible.ts'

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  /** `auto`: pretty when stdout is a terminal. */
  readonly pretty: boolean | 'auto'
  /** Gets each finished line; stdout unless given. */
  readonly write?: (line: string) => void
  /** In each line, where several processes write to one log. */
  readonly pid?: number
}

export type Log = Logger

/**
 * Makes a log. Lines are written before the call returns, so that the last ones before a crash are there; a reader that stops
 * reading a pipe therefore stops the program too, as with every program that logs to its supervisor.
 */
export function createLog(options: LogOptions): Log {
  const terminal = options.write === undefined && process.stdout.isTTY
  const pretty = options.pretty === 'auto' ? terminal : options.pretty
  const write = options.write ?? toStdout()
  const format = pretty ? prettyFormat(terminal && (process.env['NO_COLOR'] ?? '') === '') : visibleJson
  const stream: DestinationStream = {
    write: (line) => {
      write(format(line))
    },
  }
  return pino(
    {
      level: options.level,
      base: options.pid === undefined ? null : { pid: options.pid },
      timestamp: isoTimeField(),
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  )
}

/** `,"time":"2026-11-23T20:15:00.123Z"` as pino wants it; several lines of one millisecond share the work. */
function isoTimeField(): () => string {
  let [at, field] = [0, '']
  return () => {
    const now = Date.now()
    if (now !== at) {
      at = now
      field = `,"time":"${new Date(now).toISOString()}"`
    }
    return field
  }
}

function toStdout(): (line: string) => void {
  const stdout = destination({ fd: 1, sync: true })
  return (line) => {
    stdout.write(line)
  }
}

function prettyFormat(colorize: boolean): (line: string) => string {
  const format = prettyFactory({
    colorize,
    singleLine: true,
    errorLikeObjectKeys: [],
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'event',
  })
  return (line) => format(spelledOutJson(line))
}
