/**
 * When a line was written: the times that syslog, Exim, rspamd and spamd write. Times without a
 * zone are those of this machine; times without a year are of the last twelve months.
 */

export interface Timed {
  /** ms since the epoch. */
  readonly at: number
  /** What stands behind the time, and the blank after it. */
  readonly rest: string
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const weekdays = new Set(['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'])
const dayMs = 86_400_000
/** Hours that are remembered: their beginning has to be asked of the system. */
const mostHours = 10_000

const isDigit = (code: number): boolean => code >= 48 && code <= 57

/** Two characters as a number; NaN where they are none. A blank stands for no first digit. */
function two(text: string, at: number): number {
  const [tens, ones] = [text.charCodeAt(at), text.charCodeAt(at + 1)]
  if (!isDigit(ones)) return NaN
  return (isDigit(tens) ? (tens - 48) * 10 : tens === 32 ? 0 : NaN) + ones - 48
}

export class Clock {
  readonly #now: number
  /** Beginnings of hours, by what they are written as. */
  readonly #hours = new Map<string, number>()

  /** `now`: ms since the epoch; nothing was written after it. */
  constructor(now: number) {
    this.#now = now
  }

  /** Undefined where the line begins with no time. */
  read(line: string): Timed | undefined {
    const first = line.charCodeAt(0)
    if (isDigit(first)) return this.#iso(line)
    return weekdays.has(line.slice(0, 3)) && line.charAt(3) === ' '
      ? this.#ctime(line)
      : this.#syslog(line)
  }

  /** `2026-11-30T10:03:15.123456+01:00 `, and `2026-11-30 10:03:15 ` of this machine's zone. */
  #iso(line: string): Timed | undefined {
    if (line.charAt(4) !== '-' || line.charAt(13) !== ':' || line.charAt(16) !== ':')
      return undefined
    const within = minutesOf(line, 14)
    const [year, month, day] = [Number(line.slice(0, 4)), two(line, 5), two(line, 8)]
    const hour = two(line, 11)
    if (Number.isNaN(year + month + day + hour + within)) return undefined
    const end = line.indexOf(' ', 19)
    const stop = end < 0 ? line.length : end
    const fraction = fractionOf(line, 19, stop)
    const zone = zoneOf(line.slice(fraction.end, stop))
    if (zone === undefined) return undefined
    if (zone === 'none') {
      // Exim's `log_timezone` writes it as a word of its own.
      const word = zoneOf(line.slice(stop + 1, stop + 6))
      const own = typeof word === 'number' && line.charAt(stop + 6) === ' '
      const begun = own
        ? Date.UTC(year, month - 1, day, hour) - word
        : this.#hour(line.slice(0, 13), () => new Date(year, month - 1, day, hour).getTime())
      const at = begun + within + fraction.ms
      return Number.isNaN(at) ? undefined : { at, rest: line.slice(own ? stop + 7 : stop + 1) }
    }
    const at = Date.UTC(year, month - 1, day, hour) - zone + within + fraction.ms
    return Number.isNaN(at) ? undefined : { at, rest: line.slice(stop + 1) }
  }

  /** `Nov 30 10:03:15 `, `Nov  3 10:03:15.139 `. */
  #syslog(line: string, from = 0): Timed | undefined {
    if (line.charAt(from + 9) !== ':' || line.charAt(from + 12) !== ':') return undefined
    const month = months.indexOf(line.slice(from, from + 3))
    const [day, hour, within] = [
      two(line, from + 4),
      two(line, from + 7),
      minutesOf(line, from + 10),
    ]
    if (month < 0 || Number.isNaN(day + hour + within)) return undefined
    const end = line.indexOf(' ', from + 15)
    const stop = end < 0 ? line.length : end
    const begun = this.#hour(line.slice(from, from + 9), () => this.#lately(month, day, hour))
    const at = begun + within + fractionOf(line, from + 15, stop).ms
    return Number.isNaN(at) ? undefined : { at, rest: line.slice(stop + 1) }
  }

  /** `Mon Nov 30 10:03:15 2026 `: spamd's own log. */
  #ctime(line: string): Timed | undefined {
    const read = this.#syslog(line, 4)
    const year = Number(read?.rest.slice(0, 4))
    if (read === undefined || Number.isNaN(year)) return undefined
    const date = new Date(read.at)
    date.setFullYear(year)
    return { at: date.getTime(), rest: read.rest.slice(5) }
  }

  #hour(written: string, begins: () => number): number {
    const known = this.#hours.get(written)
    if (known !== undefined) return known
    if (this.#hours.size >= mostHours) this.#hours.clear()
    const at = begins()
    this.#hours.set(written, at)
    return at
  }

  #lately(month: number, day: number, hour: number): number {
    const year = new Date(this.#now).getFullYear()
    const at = new Date(year, month, day, hour).getTime()
    // A clock may be a little ahead.
    return at <= this.#now + dayMs ? at : new Date(year - 1, month, day, hour).getTime()
  }
}

/** `03:15`, ms. */
function minutesOf(line: string, at: number): number {
  const [minutes, seconds] = [two(line, at), two(line, at + 3)]
  return (minutes * 60 + seconds) * 1000
}

/** `.123456`, ms, where it stands. */
function fractionOf(line: string, from: number, stop: number): { ms: number; end: number } {
  const mark = line.charAt(from)
  if (mark !== '.' && mark !== ',') return { ms: 0, end: from }
  let end = from + 1
  while (end < stop && isDigit(line.charCodeAt(end))) end++
  const digits = line.slice(from + 1, Math.min(end, from + 4)).padEnd(3, '0')
  return { ms: Number(digits), end }
}

/** ms east of Greenwich; undefined where it can't be read. */
function zoneOf(text: string): number | 'none' | undefined {
  if (text === '') return 'none'
  if (text === 'Z') return 0
  const sign = text.charAt(0) === '+' ? 1 : text.charAt(0) === '-' ? -1 : NaN
  const minutes = two(text, text.charAt(3) === ':' ? 4 : 3)
  const zone = sign * (two(text, 1) * 60 + minutes) * 60_000
  return Number.isNaN(zone) ? undefined : zone
}
