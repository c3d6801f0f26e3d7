/** Whose line of a log this is, and what it tells. */
import { Clock } from './clock.ts'
import { readExim } from './exim.ts'
import { OwnLog } from './own-log.ts'
import { readPostfix } from './postfix.ts'
import { readRspamd, rspamdMark } from './rspamd.ts'
import { type Seen, unreadable } from './sighting.ts'
import { SpamdLog } from './spamd.ts'

export interface ReadLine {
  /** ms since the epoch; undefined where the line tells none. */
  readonly at: number | undefined
  readonly seen: Seen
}

const noTime: ReadLine = { at: undefined, seen: unreadable }

/** Of one file. */
export class LogLines {
  readonly #clock: Clock
  readonly #spamd = new SpamdLog()
  readonly #own = new OwnLog()

  /** `now`: ms since the epoch. */
  constructor(now: number) {
    this.#clock = new Clock(now)
  }

  /** Never throws, whatever the line is. */
  read(line: string): ReadLine {
    if (line.charAt(0) === '{') {
      const { at, seen } = this.#own.read(line)
      return { at, seen }
    }
    const timed = this.#clock.read(line)
    if (timed === undefined) return line.trim() === '' ? { at: undefined, seen: undefined } : noTime
    return { at: timed.at, seen: this.#told(timed.rest) }
  }

  /** What stands behind the time. */
  #told(rest: string): Seen {
    const first = rest.charAt(0)
    if (first === '#') return rest.includes(rspamdMark) ? readRspamd(rest) : undefined
    if (first === '[') return this.#spamdLine(rest)
    const exim = readExim(rest)
    if (exim !== undefined) return exim
    return this.#syslogged(rest)
  }

  /** `[1496] info: spamd: …`: spamd's own log. */
  #spamdLine(rest: string): Seen {
    const at = rest.indexOf('spamd: ')
    return at < 0 ? undefined : this.#spamd.read(rest.slice(0, rest.indexOf(']')), rest.slice(at))
  }

  /** `host program[pid]: text`. */
  #syslogged(rest: string): Seen {
    const host = rest.indexOf(' ')
    const colon = rest.indexOf(': ', host)
    if (host < 0 || colon < 0) return undefined
    const tag = rest.slice(host + 1, colon)
    const open = tag.indexOf('[')
    const program = open < 0 ? tag : tag.slice(0, open)
    const text = rest.slice(colon + 2)
    if (program.startsWith('postfix'))
      return readPostfix(program.slice(program.lastIndexOf('/') + 1), text)
    if (program === 'spamd') return this.#spamd.read(tag, text)
    if (program === 'rspamd') return text.includes(rspamdMark) ? readRspamd(text) : undefined
    return program.startsWith('exim') ? readExim(withoutTime(text, this.#clock)) : undefined
  }
}

/** Exim writes its own time in front unless `syslog_timestamp` is off. */
const withoutTime = (text: string, clock: Clock): string => clock.read(text)?.rest ?? text
